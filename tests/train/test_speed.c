/* Samples a second are those of steps: what the caller does in between does not count. */
#include "data_set.h"

#include <time.h>

#include "base/clock.h"

enum { SIDE = 33, STEPS = 3 };

static void pauses_do_not_count(void **state)
{
    (void)state;
    static const mseg_train_sample samples[] = {{"p.png", "m.png", 0}, {"q.png", "m.png", 0}};
    const struct timespec pause = {.tv_nsec = 50000000};
    const mseg_mask_rules rules = rules_of(3, 255);
    mseg_train_options options;
    mseg_training *training;
    double stepping = 0;
    draw("m.png", SIDE, SIDE, MSEG_GRAY, draw_thirds);
    draw("p.png", SIDE, SIDE, MSEG_RGB, draw_noise);
    draw("q.png", SIDE, SIDE, MSEG_RGB, draw_place);
    mseg_train_options_init(&options, sizeof options);
    options.architecture = "mnv2:0.1";
    options.train = samples;
    options.n_train = 2;
    options.rules = &rules;
    options.size = SIDE;
    options.steps = STEPS;
    assert_int_equal(mseg_training_open(&training, &options, NULL, NULL, NULL, NULL), MSEG_OK);
    for (int i = 0; i < STEPS; i++) {
        nanosleep(&pause, NULL);
        const double began = mseg_now_ms();
        assert_int_equal(mseg_training_step(training, NULL), MSEG_OK);
        stepping += (mseg_now_ms() - began) / 1000; /* no less than what the step itself can have measured */
    }
    assert_true(mseg_training_state(training).samples_per_second >= 2 * STEPS / stepping);
    mseg_training_close(&training);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pauses_do_not_count)};
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
