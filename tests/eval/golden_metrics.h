/* Made by make_golden.py (NumPy). */
enum { CLASSES = 6, IMAGES = 6 };
static const int golden_sizes[IMAGES][2] = {{61, 44}, {1, 1}, {1, 37}, {53, 1}, {160, 120}, {333, 250}};
static const uint64_t golden_confusion[CLASSES][CLASSES] = {
    {10303, 60, 1601, 478, 0, 577}, {1967, 3589, 134, 81, 0, 0}, {21533, 90, 24198, 10914, 0, 6735},
    {6455, 54, 220, 6625, 0, 2704}, {0, 0, 0, 0, 0, 0},          {0, 0, 0, 0, 0, 0}};
static const double golden_iou[CLASSES] = {
    0.23974961604691208, 0.6006694560669457, 0.36985861673672144, 0.24063782645018342, NAN, 0.0};
static const double golden_precision[CLASSES] = {
    0.2559242883402057, 0.9462167150013182, 0.9252475815394028, 0.36606254834788376, NAN, 0.0};
static const double golden_recall[CLASSES] = {
    0.7913818265611798, 0.6219026165309305, 0.3812509847171892, 0.41256694482500933, NAN, NAN};
static const double golden_boundary_iou[CLASSES] = {
    0.17669481585737742, 0.4747695293546822, 0.19779539740862503, 0.1902732028676613, NAN, 0.0};
static const double golden_miou = 0.29018310306015255;
static const double golden_pixel_accuracy = 0.45479973148355335;
static const double golden_mean_accuracy = 0.5517755931585773;
static const double golden_frequency_weighted_iou = 0.3450726449245697;
static const double golden_mean_boundary_iou = 0.20790658909766918;
static const double golden_image_miou[IMAGES] = {0.7856817274695427, NAN, 0.07432432432432433, 0.3, 0.3994851709923175,
                                                 0.2306263689078573};
static const double golden_image_pixel_accuracy[IMAGES] = {0.8704085843995047, NAN, 0.2972972972972973, 0.6, 0.8616995953344442,
                                                           0.3811651651651652};
static const double golden_image_mean_boundary_iou[IMAGES] = {
    0.6738512861520007, NAN, 0.07432432432432433, 0.3, 0.36464279752251194, 0.15998364853969776};
