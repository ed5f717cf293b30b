#include "paper/paper.h"

#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/say.h"
#include "paper/counts.h"

/* Tables of arXiv 1801.04381 as published; NAN and 0: not given there. */

typedef struct row7 {
    const char *name;
    cli_paper_system system;
    double miou, params, madds; /* %, millions, billions */
} row7;

static const row7 table7[] = {
    {"V1 OS16 ASPP", {"mnv1:aspp", 16, 513, false, false}, 75.29, 11.15, 14.25},
    {"V1 OS8 ASPP MF", {"mnv1:aspp", 8, 513, true, false}, 78.56, 11.15, 941.9},
    {"V2* OS16 ASPP", {"mnv2:aspp", 16, 513, false, false}, 75.70, 4.52, 5.8},
    {"V2* OS8 ASPP MF", {"mnv2:aspp", 8, 513, true, false}, 78.42, 4.52, 387},
    {"V2* OS16", {"mnv2", 16, 513, false, false}, 75.32, 2.11, 2.75},
    {"V2* OS8 MF", {"mnv2", 8, 513, true, false}, 77.33, 2.11, 152.6},
    {"ResNet-101 OS16 ASPP", {"resnet101:beta:aspp", 16, 513, false, true}, 80.49, 58.16, 81.0},
    {"ResNet-101 OS8 ASPP MF", {"resnet101:beta:aspp", 8, 513, true, true}, 82.70, 58.16, 4870.6},
};

/* Channels of the largest tensor at each resolution, and thousands of bytes at 16 bits. */
typedef struct row3 {
    int side, v1_channels, v1_kb, v2_channels, v2_kb;
} row3;

static const row3 table3[CLI_PAPER_MAPS] = {
    {112, 64, 1600, 16, 400}, {56, 128, 800, 32, 200}, {28, 256, 400, 64, 100},
    {14, 512, 200, 160, 62},  {7, 1024, 199, 320, 32}, {1, 1024, 2, 1280, 2},
};

typedef struct row4 {
    const char *name;
    cli_paper_system system;        /* architecture NULL: not one of mseg's */
    double top1, params, madds, ms; /* %, millions, millions, on one core of a Pixel 1 */
} row4;

static const row4 table4[] = {
    {"MobileNetV1", {"mnv1:imagenet:classes=1000", 32, 224, false, false}, 70.6, 4.2, 575, 113},
    {"ShuffleNet (1.5)", {0}, 71.5, 3.4, 292, NAN},
    {"ShuffleNet (x2)", {0}, 73.7, 5.4, 524, NAN},
    {"NASNet-A", {0}, 74.0, 5.3, 564, 183},
    {"MobileNetV2", {"mnv2:imagenet:classes=1000", 32, 224, false, false}, 72.0, 3.4, 300, 75},
    {"MobileNetV2 (1.4)", {"mnv2:1.4:imagenet:classes=1000", 32, 224, false, false}, 74.7, 6.9, 585, 143},
};

enum { ROWS7 = sizeof table7 / sizeof *table7, ROWS4 = sizeof table4 / sizeof *table4, V1 = 0, V2 = 4 };

typedef struct tables {
    cli_paper_counts seven[ROWS7], four[ROWS4]; /* table 3 is about the networks of table 4 */
} tables;

static mseg_status count(tables *t, const char *cpu, mseg_error *err)
{
    mseg_status status = MSEG_OK;
    for (int i = 0; i < ROWS7 && !status; i++)
        status = cli_paper_count(&t->seven[i], &table7[i].system, cpu, err);
    for (int i = 0; i < ROWS4 && !status; i++)
        if (table4[i].system.architecture)
            status = cli_paper_count(&t->four[i], &table4[i].system, cpu, err);
    return status;
}

/* How far ours is from the paper's, in percent. */
static double difference(double ours, double papers)
{
    return 100 * (ours / papers - 1);
}

static double kilobytes(const cli_paper_map *map)
{
    return map->side * map->side * map->channels * 2 / 1e3;
}

/* ---- text ---- */

static void print_table7(const tables *t)
{
    printf("Table 7: VOC 2012 val, 513 x 513; MF: scales 0.5 to 1.75 and flip; *: second-last feature map\n\n");
    printf("%-22s %6s  %29s  %37s  %15s  %15s\n", "", "mIOU", "parameters, millions", "multiply-adds, billions", "tensor, MB",
           "memory, MB");
    printf("%-22s %6s  %6s %6s %7s %6s  %8s %8s %7s %11s  %7s %7s  %7s %7s\n", "", "paper", "paper", "ours", "diff", "folded",
           "paper", "as TF", "diff", "executed", "one op", "three", "one op", "three");
    for (int i = 0; i < ROWS7; i++) {
        const row7 *r = &table7[i];
        const cli_paper_counts *c = &t->seven[i];
        printf("%-22s %6.2f  %6.2f %6.2f %+6.2f%% %6.2f  %8.2f %8.2f %+6.2f%% %11.3f  %7.1f %7.1f  %7.1f %7.1f\n", r->name,
               r->miou, r->params, (double)c->params_bn / 1e6, difference((double)c->params_bn / 1e6, r->params),
               (double)c->params / 1e6, r->madds, (double)c->madds_tensorflow / 1e9,
               difference((double)c->madds_tensorflow / 1e9, r->madds), (double)c->madds / 1e9, (double)c->largest / 1e6,
               (double)c->largest_expanded / 1e6, (double)c->memory / 1e6, (double)c->memory_expanded / 1e6);
    }
    printf(
        "\nParameters: with batch norm, as the paper counts; folded, as they run. As TF: atrous convolutions on maps padded to\n"
        "multiples of the rate (SpaceToBatch), ResNet with rates times 1, 2, 4 in its last block. Tensor, memory: largest map\n"
        "that is stored whole, and all that is alive at once, float32, largest scale; with inverted residuals and what streams\n"
        "from them as one operator, and with their three layers apart.\n");
}

static void print_table3(const tables *t)
{
    double most[2] = {0};
    printf("\nTable 3: largest tensor between operators, channels / thousands of bytes at 16 bits, 224 x 224\n\n");
    printf("%-8s %12s %12s %7s   %12s %12s %7s\n", "", "V1 paper", "ours", "diff", "V2 paper", "ours", "diff");
    for (int i = 0; i < CLI_PAPER_MAPS; i++) {
        const row3 *r = &table3[i];
        const cli_paper_map *v1 = &t->four[V1].maps[i], *v2 = &t->four[V2].maps[i];
        printf("%3d^2    %5d / %4d %5d / %4.0f %+6.1f%%   %5d / %4d %5d / %4.0f %+6.1f%%\n", r->side, r->v1_channels, r->v1_kb,
               v1->channels, kilobytes(v1), difference(kilobytes(v1), r->v1_kb), r->v2_channels, r->v2_kb, v2->channels,
               kilobytes(v2), difference(kilobytes(v2), r->v2_kb));
        most[0] = fmax(most[0], kilobytes(v1));
        most[1] = fmax(most[1], kilobytes(v2));
    }
    printf("max      %12d %12.0f %+6.1f%%   %12d %12.0f %+6.1f%%\n", table3[0].v1_kb, most[0],
           difference(most[0], table3[0].v1_kb), table3[0].v2_kb, most[1], difference(most[1], table3[0].v2_kb));
}

static void print_table4(const tables *t)
{
    printf("\nTable 4: ImageNet, 224 x 224, 1000 classes\n\n");
    printf("%-20s %6s  %30s  %24s  %9s\n", "", "top-1", "parameters, millions", "multiply-adds, millions", "Pixel 1");
    printf("%-20s %6s  %6s %6s %7s %8s  %7s %7s %7s  %9s\n", "", "paper", "paper", "ours", "diff", "folded", "paper", "ours",
           "diff", "paper, ms");
    for (int i = 0; i < ROWS4; i++) {
        const row4 *r = &table4[i];
        const cli_paper_counts *c = &t->four[i];
        const double params = (double)c->params_bn / 1e6, madds = (double)c->madds / 1e6;
        char ms[16] = "-";
        if (!isnan(r->ms))
            snprintf(ms, sizeof ms, "%.0f", r->ms);
        if (r->system.architecture)
            printf("%-20s %6.1f  %6.1f %6.3f %+6.1f%% %8.3f  %7.0f %7.1f %+6.1f%%  %9s\n", r->name, r->top1, r->params, params,
                   difference(params, r->params), (double)c->params / 1e6, r->madds, madds, difference(madds, r->madds), ms);
        else
            printf("%-20s %6.1f  %6.1f %6s %7s %8s  %7.0f %7s %7s  %9s\n", r->name, r->top1, r->params, "-", "-", "-", r->madds,
                   "-", "-", ms);
    }
}

/* ---- JSON ---- */

static void add_counts(mseg_json *row, const cli_paper_system *system, const cli_paper_counts *c)
{
    mseg_json_add_string(row, "architecture", system->architecture);
    mseg_json_add_int(row, "output_stride", system->output_stride);
    mseg_json_add_bool(row, "multi_scale_flip", system->mf);
    mseg_json_add_int(row, "params", c->params_bn);
    mseg_json_add_int(row, "params_folded", c->params);
    mseg_json_add_int(row, "madds", c->madds);
    mseg_json_add_int(row, "madds_tensorflow", c->madds_tensorflow);
    mseg_json_add_int(row, "largest_tensor_bytes", c->largest);
    mseg_json_add_int(row, "largest_tensor_bytes_unfused", c->largest_expanded);
    mseg_json_add_int(row, "memory_bytes", c->memory);
    mseg_json_add_int(row, "memory_bytes_unfused", c->memory_expanded);
}

static void add_map(mseg_json *row, const char *key, int channels, double kb, const cli_paper_map *ours)
{
    mseg_json *network = mseg_json_add_object(row, key);
    mseg_json_add_int(network, "paper_channels", channels);
    mseg_json_add_number(network, "paper_kilobytes", kb);
    mseg_json_add_int(network, "channels", ours->channels);
    mseg_json_add_number(network, "kilobytes", kilobytes(ours));
}

static bool print_json(const tables *t)
{
    mseg_json *root = mseg_json_object(), *rows = mseg_json_add_array(root, "table7");
    for (int i = 0; i < ROWS7; i++) {
        mseg_json *row = mseg_json_add_object(rows, NULL);
        mseg_json_add_string(row, "system", table7[i].name);
        mseg_json_add_number(row, "paper_miou", table7[i].miou);
        mseg_json_add_number(row, "paper_params_millions", table7[i].params);
        mseg_json_add_number(row, "paper_madds_billions", table7[i].madds);
        add_counts(row, &table7[i].system, &t->seven[i]);
    }
    rows = mseg_json_add_array(root, "table3");
    for (int i = 0; i < CLI_PAPER_MAPS; i++) {
        mseg_json *row = mseg_json_add_object(rows, NULL);
        mseg_json_add_int(row, "side", table3[i].side);
        add_map(row, "mnv1", table3[i].v1_channels, table3[i].v1_kb, &t->four[V1].maps[i]);
        add_map(row, "mnv2", table3[i].v2_channels, table3[i].v2_kb, &t->four[V2].maps[i]);
    }
    rows = mseg_json_add_array(root, "table4");
    for (int i = 0; i < ROWS4; i++) {
        mseg_json *row = mseg_json_add_object(rows, NULL);
        mseg_json_add_string(row, "system", table4[i].name);
        mseg_json_add_number(row, "paper_top1", table4[i].top1);
        mseg_json_add_number(row, "paper_params_millions", table4[i].params);
        mseg_json_add_number(row, "paper_madds_millions", table4[i].madds);
        mseg_json_add_number(row, "paper_pixel1_ms", table4[i].ms);
        if (table4[i].system.architecture)
            add_counts(row, &table4[i].system, &t->four[i]);
    }
    char *text = mseg_json_print(root, true);
    mseg_json_free(&root);
    if (text)
        printf("%s\n", text);
    free(text);
    return text != NULL;
}

bool cli_paper_print(const char *cpu, bool json)
{
    tables t = {0};
    mseg_error err = {0};
    if (count(&t, cpu, &err)) {
        cli_say("info: %s", err.text);
        return false;
    }
    if (json && !print_json(&t)) {
        cli_say("out of memory");
        return false;
    }
    if (!json) {
        print_table7(&t);
        print_table3(&t);
        print_table4(&t);
    }
    return true;
}
