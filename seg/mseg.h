#ifndef MSEG_H
#define MSEG_H

/* In: model files, photos and label files. Out: masks, overlays, figures and reports.
 * mseg: Mobile DeepLabv3 semantic segmentation on ordinary CPUs (arXiv 1801.04381, section 6.3). The one public header: the parts
 * of lib/ that programs need are included here; installing joins them into a single file. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "base/api.h"
#include "base/pool.h"
#include "base/status.h"
#include "image/image.h"
#include "image/reader.h"
#include "image/row_writer.h"
#include "net/entry.h"

/* The version of this header. Until 1.0.0 a new minor version may change the interface, and the shared library's soname is
 * libmseg.so.0.MINOR; after that only a new major one may, and the soname is libmseg.so.MAJOR. */
#define MSEG_VERSION_MAJOR 0
#define MSEG_VERSION_MINOR 1
#define MSEG_VERSION_PATCH 0
/* For comparisons: 100 is 0.1.0, 10203 is 1.2.3. */
#define MSEG_VERSION_NUMBER (MSEG_VERSION_MAJOR * 10000 + MSEG_VERSION_MINOR * 100 + MSEG_VERSION_PATCH)

/** The version of the library that runs: "MAJOR.MINOR.PATCH", and as MSEG_VERSION_NUMBER. */
MSEG_API const char *mseg_version(void);
MSEG_API int mseg_version_number(void);

/* What a call that fails should have made is NULL or all zero, and closing or freeing that does nothing; so start with that and
 * clean up in one place. The mseg_error (NULL: not wanted) is filled by calls that fail; after others it means nothing. */

/* Structs that the library fills have room for fields of later versions: reserved, all zero now. Their sizes are those of the
 * soname. */

/* ---- threads -----------------------------------------------------------------------------------------------------------
 * The library keeps nothing between calls but in objects: functions on different objects may run at once in any threads.
 * Of one object:
 * - mseg_model: is read-only; any number of sessions in any threads share it. It must outlive them.
 * - mseg_session: one call at a time, in whatever thread. Another one meanwhile, by a second thread or by a callback of the
 *   first call, is refused: MSEG_INVAL, "the session is running in another thread, or this is a callback of it". All functions
 *   that can fail check that; mseg_session_layer, mseg_session_on_progress and mseg_session_close do not.
 * - mseg_pool: any number of sessions share it. Its threads work for one call at a time: one that comes meanwhile does all of
 *   its work in its own thread, to the same result. Many images at once are faster with a thread and a session each, no pool.
 * - mseg_image, mseg_view, mseg_palette, mseg_mask_rules, options: where they are const, any number of threads may read them.
 * - mseg_counts, mseg_score, mseg_image_reader, mseg_row_writer: one thread at a time, which is not checked.
 * - mseg_error: one for each thread.
 * Callbacks run in the thread that called the library, never in a pool's. Results are the same, bit for bit, for any number of
 * threads. */

/* ---- models ------------------------------------------------------------------------------------------------------------ */

/* A network with its weights packed for this machine: read-only, shared by any number of threads. */
typedef struct mseg_model mseg_model;

/* What a network computes in. INT8: files of TensorFlow Lite that are quantised to 8 bits run in integers, with the very results
 * of its XNNPACK kernels. FLOAT: 32-bit floats, of quantised files those that their bytes stand for. AUTO: INT8 where the file
 * can run so, else FLOAT. */
typedef enum mseg_precision { MSEG_PRECISION_AUTO, MSEG_PRECISION_FLOAT, MSEG_PRECISION_INT8 } mseg_precision;

typedef struct mseg_model_options {
    size_t struct_size; /* mseg_model_options_init sets it */
    int output_stride;  /* 8, 16 or 32; 0 (default): that of the file's own graph, 16 when it tells none */
    const char *cpu; /* NULL: the best for this machine; or one that it can run: "scalar", "avx2", "avxvnni", "avx512", "zen4" */
    bool unfused;    /* run every layer by itself with whole tensors between them: slow, for reference */
    /* How the network was trained to see pictures, instead of what the file tells: channel c (R, G, B) of a pixel enters as
     * (byte - mean[c]) / std[c], and what lies beside the picture as byte 127.5 would. mean -1e6 .. 1e6, std 1e-6 .. 1e6; all 0
     * (default): not given. */
    double mean[3], std[3];
    mseg_precision precision; /* default: MSEG_PRECISION_AUTO */
} mseg_model_options;

/* Options are filled in by their init function, called with sizeof *options, before fields are set: a program that was compiled
 * with an older header works with a newer library. Functions that take options take NULL for the defaults. */

/** Output stride 0, cpu NULL, fused, the file's own input rule, precision AUTO. */
MSEG_API void mseg_model_options_init(mseg_model_options *options, size_t struct_size);

/** Opens a model file. options may be NULL. Errors: those of the reader, MSEG_INVAL for a bad option, MSEG_MISMATCH for weights
 * whose shapes do not fit together, MSEG_UNSUPPORTED also for MSEG_PRECISION_INT8 when the file cannot run in integers. */
MSEG_API mseg_status mseg_model_open(mseg_model **model, const char *path, const mseg_model_options *options, mseg_error *err);

/** The same from a model file in memory: size bytes at any address, which are only read during the call (the weights are copied
 * as they are packed). name: that of the file it would be; of that the model is called what is behind the last '/', without
 * ".tflite", ".pb", ".onnx" or ".safetensors". MSEG_INVAL also when bytes or name is NULL. */
MSEG_API mseg_status mseg_model_open_memory(mseg_model **model, const void *bytes, size_t size, const char *name,
                                            const mseg_model_options *options, mseg_error *err);

/** The model that is part of the library: Mobile DeepLabv3, width 0.5, 21 VOC classes (palette "voc"), trained at a
 * canvas of 321, in float. options may be NULL. Errors: MSEG_INVAL for a bad option, MSEG_UNSUPPORTED for MSEG_PRECISION_INT8,
 * MSEG_NOMEM. */
MSEG_API mseg_status mseg_model_open_builtin(mseg_model **model, const mseg_model_options *options, mseg_error *err);

/** NULL-safe; sets *model to NULL. */
MSEG_API void mseg_model_close(mseg_model **model);

/* The texts belong to the model. */
typedef struct mseg_model_info {
    const char *name;        /* of its file, without folder and extension; a random model's description */
    const char *sha256;      /* of its file, in hexadecimal; "": made without a file */
    bool builtin;            /* the model of mseg_model_open_builtin */
    const char *network;     /* "MobileNetV2" */
    double width_multiplier; /* e.g. 1.0, 0.5 */
    int output_stride;
    int classes;
    bool classifier; /* of whole pictures, for mseg_classify, not for masks */
    bool aspp;
    bool image_pooling;
    bool decoder;        /* DeepLabv3+'s, at a finer stride */
    int logits_stride;   /* canvas pixels from one point of the logits to the next: output_stride, 4 with a decoder */
    int64_t params;      /* folded parameters (weights and biases) */
    const char *kernels; /* name of the kernel set in use */
    const char *format;  /* of the file: "tflite", "graphdef", "onnx", "safetensors"; "seeded": a random model */
    int trained_output_stride, trained_width, trained_height; /* what the file's own graph uses; 0 = unknown */
    int labels; /* names of classes inside the file, 0: none; they are used (mseg_model_label) when they are as many as classes */
    float input_scale[3], input_offset[3]; /* channel c enters as byte * input_scale[c] + input_offset[c] */
    mseg_input_from input_from;            /* what told that */
    mseg_sampling sampling;                /* by which canvas and logits lie on one another */
    mseg_precision precision;              /* that it runs in, FLOAT or INT8 */
    bool quantised;          /* the file is, to 8 bits: it holds maps as bytes that stand for (byte - zero point) * scale */
    bool signed_bytes;       /* -128 to 127, else 0 to 255 */
    const char *no_integers; /* why it cannot run in integers, "the file is not quantised"; NULL: it can */
    float quant_scale;       /* of the file's input; 0: it is no map of bytes */
    int quant_zero_point;
    uint64_t reserved[1];
} mseg_model_info;

MSEG_API mseg_model_info mseg_model_describe(const mseg_model *model);

/** The name of a class inside the model's file (metadata of TensorFlow Lite or mseg), UTF-8 without control characters; NULL when
 * the file has none for it: no labels, other than one a class, a blank line; and when there is no such class. It is the model's.
 * Thread safe. */
MSEG_API const char *mseg_model_label(const mseg_model *model, int class_id);

/* ---- converting -------------------------------------------------------------------------------------------------------- */

/* The formats that are written. BY_NAME: what the file's name ends in, .tflite, .onnx or .safetensors in any case. */
typedef enum mseg_model_format {
    MSEG_MODEL_BY_NAME,
    MSEG_MODEL_TFLITE,
    MSEG_MODEL_ONNX,
    MSEG_MODEL_SAFETENSORS
} mseg_model_format;

typedef struct mseg_convert_options {
    size_t struct_size;       /* mseg_convert_options_init sets it */
    mseg_model_format format; /* default: MSEG_MODEL_BY_NAME */
    int output_stride;        /* as in mseg_model_options */
    /* Side of the square canvas that the new file's graph takes; 0 (default): the canvas of the old one, which need not be
     * square, or where its file tells none that of mseg_run_options.size 0, of a classifier 224. Others as in mseg_run_options.
     */
    int size;
    double mean[3], std[3]; /* as in mseg_model_options */
    bool half;              /* weights in 16-bit floats, which rounds them; default: in 32 bits, as they are */
    const char *cpu;        /* of a calibration, as in mseg_model_options; converting runs no kernels */
} mseg_convert_options;

/** The format by the file's name, the output stride, canvas and input rule of the model's file, 32 bits. */
MSEG_API void mseg_convert_options_init(mseg_convert_options *options, size_t struct_size);

/* What a file that was written holds. */
typedef struct mseg_converted {
    const char *format;      /* "tflite", "onnx", "safetensors"; the library's */
    const char *network;     /* as in mseg_model_info, also the next three; the library's */
    double width_multiplier; /* e.g. 1.0, 0.5 */
    int classes;
    int output_stride;
    int width, height; /* of the canvas */
    uint64_t bytes;    /* the file's size */
    uint64_t reserved[8];
} mseg_converted;

/** What a file of that name is written as: MSEG_MODEL_BY_NAME when its end is none of those above. Thread safe. */
MSEG_API mseg_model_format mseg_model_format_of(const char *path);

/** Writes the model of file in (NULL: the model that is part of the library) as file out, which appears whole or not at all and
 * replaces an older one. Batch norm is multiplied into the weights, 8-bit weights become the floats that they stand for, names of
 * classes go along; opened again, a file that is not half gives the same logits bit for bit. options may be NULL, and so may
 * *result. Errors: those of mseg_model_open; MSEG_INVAL for a bad option and for a name of out that tells no format;
 * MSEG_UNSUPPORTED for a network that the format has no operators for; MSEG_LIMIT for canvases beyond 2^30 pixels and for files
 * beyond 2 GiB; of writing MSEG_NOENT, MSEG_IO and MSEG_FULL, with a text that begins "cannot create the file" or "cannot write
 * the file". */
MSEG_API mseg_status mseg_convert(const char *in, const char *out, const mseg_convert_options *options, mseg_converted *result,
                                  mseg_error *err);

/* Quantising: a float model as a TensorFlow Lite file in 8 bits, signed and by channel, whose ranges are those of photos like the
 * ones that it will see. */
typedef struct mseg_calibration mseg_calibration;

/** Opens file in (NULL: the model that is part of the library) to be quantised into file out, a .tflite. options as for
 * mseg_convert, without half. The pool (NULL: one thread) must outlive it. One call at a time. Memory is bounded by the network
 * and the canvas, whatever the number of photos. Errors: those of mseg_convert but for writing. */
MSEG_API mseg_status mseg_calibration_open(mseg_calibration **calibration, const char *in, const char *out,
                                           const mseg_convert_options *options, mseg_pool *pool, mseg_error *err);

/** NULL-safe; sets *calibration to NULL. */
MSEG_API void mseg_calibration_close(mseg_calibration **calibration);

/** Runs the model in float on a photo, as mseg_segment does by default or mseg_classify at crop 0.875, on a square canvas of the
 * new file's width (if it is no square, of the model's default side), and notes what its layers make. Some hundred photos of all
 * kinds are enough. Errors: MSEG_INVAL, MSEG_NOMEM, MSEG_LIMIT; MSEG_FORMAT when a layer makes what is no finite number. */
MSEG_API mseg_status mseg_calibration_add(mseg_calibration *calibration, mseg_view photo, mseg_error *err);

/** Quantises the model by the photos added, and writes the file, which appears whole or not at all. result may be NULL. Labels
 * and probabilities mean the same; logits of class 0 are half a step (of a byte) less, which evens out that of equal bytes the
 * first one is the label. Errors: MSEG_INVAL when no photo has been added, MSEG_UNSUPPORTED for networks that cannot run in 8
 * bits (ResNet), those of mseg_convert. */
MSEG_API mseg_status mseg_calibration_write(mseg_calibration *calibration, mseg_converted *result, mseg_error *err);

/* What a layer's map lost by quantisation, on up to 16 of the photos. */
typedef struct mseg_layer_loss {
    char name[64];
    double decibels; /* 10 log10(sum of squares in float / sum of squares of the difference); infinite: nothing */
    uint64_t reserved[4];
} mseg_layer_loss;

/** How many layers have one: 0 before mseg_calibration_write. */
MSEG_API int mseg_calibration_layers(const mseg_calibration *calibration);

/** Layer index, in running order; all zero when there is no such one. */
MSEG_API mseg_layer_loss mseg_calibration_layer(const mseg_calibration *calibration, int index);

/* ---- running ----------------------------------------------------------------------------------------------------------- */

/* MSEG_RESIZE_FIT: the longer side becomes size, aspect kept (the demo protocol). NONE: no scaling (the VOC protocol). STRETCH:
 * both sides become size. */
typedef enum mseg_resize { MSEG_RESIZE_FIT, MSEG_RESIZE_NONE, MSEG_RESIZE_STRETCH } mseg_resize;
/* SQUARE: the canvas is square (TensorFlow). TIGHT: per axis the smallest k * output stride + 1 that holds the scaled image
 * (k * output stride for models without aligned corners). */
typedef enum mseg_pad { MSEG_PAD_SQUARE, MSEG_PAD_TIGHT } mseg_pad;

typedef struct mseg_run_options {
    size_t struct_size; /* mseg_run_options_init sets it */
    mseg_resize resize;
    mseg_pad pad;
    /* Canvas side; default 513. 0: what the model was trained at, when its file tells one square canvas, else 513 (without
     * aligned corners 512). With aligned corners it must be k * output stride + 1 or the model's own; without, k * output stride
     * is best.
     */
    int size;
    /* Multi-scale and flip (section 6.3's MF): the canvas is resized to int((side - 1) * scale + 1), without aligned corners
     * int(side * scale), for each scale and run, also turned left to right when flip; the softmax of the logits at each pixel is
     * averaged. n_scales = 0: once, from the logits. */
    double scales[8];
    int n_scales;
    bool flip;
} mseg_run_options;

/** Fit, square, 513, once. */
MSEG_API void mseg_run_options_init(mseg_run_options *options, size_t struct_size);

/* A plan with its memory, for one call at a time (see threads). Plans are remade when the canvas size changes. */
typedef struct mseg_session mseg_session;

/** pool may be NULL (one thread); it and model must outlive the session. */
MSEG_API mseg_status mseg_session_open(mseg_session **session, const mseg_model *model, mseg_pool *pool, mseg_error *err);

/** Checks the options (NULL: the defaults) against the model and, when no image can have a smaller canvas, plans for that: what
 * would fail for every image fails here, before the first. Errors: MSEG_INVAL with a text that names the field, MSEG_LIMIT,
 * MSEG_NOMEM. */
MSEG_API mseg_status mseg_session_prepare(mseg_session *session, const mseg_run_options *options, mseg_error *err);

/** Told of a call of a session: done of total runs of the network are over (of scales, flips or tiles; one in a plain call).
 * Returns 0 to go on, anything else to stop the call. */
typedef int (*mseg_progress_fn)(void *context, int64_t done, int64_t total);

/** From now on mseg_segment, mseg_classify and mseg_segment_tiled call fn (NULL: nothing, as at first), in their own thread: with
 * done = 0 before the first run, then after each. When fn stops it, the call returns MSEG_CANCELLED; its result is all zero and
 * the session ready for the next call. Rows that a tile callback took before stay taken. One run cannot be stopped inside. Not to
 * be called while another thread runs the session, which is not checked. */
MSEG_API void mseg_session_on_progress(mseg_session *session, mseg_progress_fn fn, void *context);

/** NULL-safe; sets *session to NULL. */
MSEG_API void mseg_session_close(mseg_session **session);

typedef struct mseg_result {
    mseg_view labels;    /* MSEG_GRAY: class ids, size of the input image; owned by the session until its next run */
    const float *logits; /* [logits_height, logits_width, classes] before upsampling, NHWC; owned likewise; of a network that
                            runs in 8 bits what its bytes stand for */
    int logits_width, logits_height, classes;
    int canvas_width, canvas_height; /* what the network ran on, at scale 1 */
    int scaled_width, scaled_height; /* the image on that canvas, top left */
    double resize_ms, network_ms, label_ms;
    uint64_t reserved[8];
} mseg_result;

/** Segments one photo (see mseg_pixels). options may be NULL. Errors: MSEG_NOMEM, MSEG_LIMIT, MSEG_CANCELLED,
 * MSEG_INVAL with a text that names the field; *result is then all zero. */
MSEG_API mseg_status mseg_segment(mseg_session *session, mseg_view image, const mseg_run_options *options, mseg_result *result,
                                  mseg_error *err);

/** Probabilities of the classes in rows first .. first + n - 1 of the image that mseg_segment labelled, when the session has done
 * nothing else since: the softmax of the logits at each pixel, with scales or flip its mean over the runs: out [n, width,
 * classes]. The first maximum of a pixel is its label: where rounding would make it another class, the label's number is raised
 * to the next one above. Errors: MSEG_INVAL when there are no such rows, MSEG_NOMEM. */
MSEG_API mseg_status mseg_probabilities(mseg_session *session, int first, int n, float *out, mseg_error *err);

/** Classifies one photo with a classifier model: its central part (crop of each side, above 0 to 1, 0.875 in slim's evaluation)
 * is stretched to size x size (0: what the model was trained at, when its file tells one square input, else 224). *scores:
 * probabilities of the model's classes (mseg_model_info.classes), owned by the session until its next run. Errors: as
 * mseg_segment; MSEG_INVAL for other models. */
MSEG_API mseg_status mseg_classify(mseg_session *session, mseg_view image, int size, double crop, const float **scores,
                                   mseg_error *err);

/* Large pictures: overlapping tiles at full resolution, their logits blended. */
typedef struct mseg_tile_options {
    size_t struct_size; /* mseg_tile_options_init sets it */
    int size;    /* side of a tile, k * output stride + 1 with k >= 1, without aligned corners k * output stride; default 513 */
    int overlap; /* least pixels that neighbours share besides their border, rounded up to a multiple of the output stride; 0 ..
                    size - 1 - output stride, or size - output stride; negative (default): a quarter of the side */
} mseg_tile_options;

/** 513, a quarter of it. */
MSEG_API void mseg_tile_options_init(mseg_tile_options *options, size_t struct_size);

/* Finished rows of a tiled picture. */
typedef struct mseg_tile_rows {
    int first;               /* number of the first one */
    mseg_view photo, labels; /* as many rows of MSEG_RGB and of class ids, MSEG_GRAY */
    const uint8_t *below;    /* the labels of the row after them, NULL at the bottom */
} mseg_tile_rows;

/** Takes finished rows, which are gone when it returns; what it returns other than MSEG_OK ends the run with that status. */
typedef mseg_status (*mseg_tile_fn)(void *context, const mseg_tile_rows *rows, mseg_error *err);

typedef struct mseg_tiled {
    int tiles_across, tiles_down;
    double decode_ms, network_ms, label_ms;
    uint64_t reserved[4];
} mseg_tiled;

/** Segments a picture that no row has been read of, top to bottom, threads inside a tile; rows are handed to take in order.
 * Equal, for a picture no larger than one tile, to mseg_segment without resizing on a square canvas of that size. Bytes of
 * memory, whatever the height (W: the picture's width; S, N: the logits' stride and tile size; C: classes): the network's arena
 * for a canvas of N x N, 3 W (N + S + 1) for photo rows, 4 C (W/S + 2) (N/S + 3 + threads) for logits (in 8 bits also
 * 4 C (N/S + 1)^2) and 70 W for labels and tables; the decoder (see mseg_image_reader) and the callback come on top. options may
 * be NULL. Errors: those of the reader and of take, MSEG_INVAL, MSEG_NOMEM, MSEG_CANCELLED; *result is then all zero. */
MSEG_API mseg_status mseg_segment_tiled(mseg_session *session, mseg_image_reader *reader, const mseg_tile_options *options,
                                        mseg_tile_fn take, void *context, mseg_tiled *result, mseg_error *err);

/* ---- masks and overlays ------------------------------------------------------------------------------------------------ */

/* A list of classes: only the listed ids are classes. */
typedef struct mseg_palette {
    int entries;        /* the largest listed id + 1 */
    int count;          /* listed ids */
    bool listed[256];   /* by id */
    mseg_colors colors; /* of all 256 ids, as an indexed PNG takes them; of those that are not listed: by the VOC bit rule */
    const char
        *names[256]; /* UTF-8; "" of ids that are not listed. They live until mseg_palette_free, also for copies of the struct */
    char *text;      /* what the names point into */
} mseg_palette;

/** A built-in palette ("voc", "cityscapes", "ade20k") or else a text file: lines "id r g b name" (# comments) with any ids from 0
 * to 255, or CVAT's labelmap.txt, lines "name:r,g,b:parts:actions" whose ids are their order. Free with mseg_palette_free. On
 * failure *palette is all zero. Errors: MSEG_NOENT, MSEG_IO, MSEG_FORMAT, MSEG_LIMIT, MSEG_NOMEM. */
MSEG_API mseg_status mseg_palette_load(mseg_palette *palette, const char *name_or_file, mseg_error *err);

/** The classes of a model whose file names them (mseg_model_label; "class N" for one without a name), in the colours of the VOC
 * bit rule. The model may be closed before the palette is freed with mseg_palette_free. On failure *palette is all zero. Errors:
 * MSEG_NOENT when the file has no names that are used, MSEG_LIMIT for more than 256 classes, MSEG_NOMEM. */
MSEG_API mseg_status mseg_palette_from_model(mseg_palette *palette, const mseg_model *model, mseg_error *err);

/** Frees the names and zeroes *palette; safe on an all-zero one. */
MSEG_API void mseg_palette_free(mseg_palette *palette);

/** The i-th built-in palette's name, NULL past the end. */
MSEG_API const char *mseg_palette_name(int index);

/** The text of the built-in palette of that name, a file as mseg_palette_load reads it; NULL when there is none. */
MSEG_API const char *mseg_palette_text(const char *name);

/** Whether a class of that name is what is behind all others: "background" in any case, also between underscores (labelme).
 * NULL: no. */
MSEG_API bool mseg_is_background(const char *name);

/** Blends the masks' colours over the photo (alpha 0: photo, 1: colour; background stays photo) and draws the class boundaries.
 * *out is created, MSEG_RGB. Sizes must agree (MSEG_MISMATCH). */
MSEG_API mseg_status mseg_overlay(mseg_image *out, mseg_view photo, mseg_view labels, const mseg_palette *palette, double alpha,
                                  mseg_error *err);

/** The same for some rows of a picture; below: the labels of the row after them, NULL at the bottom. */
MSEG_API mseg_status mseg_overlay_rows(mseg_image *out, mseg_view photo, mseg_view labels, const uint8_t *below,
                                       const mseg_palette *palette, double alpha, mseg_error *err);

/* ---- judging ----------------------------------------------------------------------------------------------------------- */

/* What counts in a label file: AUTO: see mseg_mask_read; IDS: the stored values; COLORS: the colours. */
typedef enum mseg_read_masks { MSEG_READ_AUTO, MSEG_READ_IDS, MSEG_READ_COLORS } mseg_read_masks;

/* How label files become class ids. */
typedef struct mseg_mask_rules {
    mseg_palette palette;   /* the classes and their colours; a copy that shares its names */
    int ignore;             /* label of pixels that do not count, 0 to 255; -1: none */
    mseg_read_masks read;   /* default: AUTO */
    bool unknown_is_ignore; /* colours outside the palette become the ignore label, else they are an error */
    int16_t map[256];       /* id in the file -> class or ignore label; -1: not a label. Colours are not mapped */
    bool left_out[256];     /* ids that the map names and makes the ignore label */
} mseg_mask_rules;

/** Every class and the ignore label map to themselves. palette must outlive the rules. */
MSEG_API void mseg_mask_rules_init(mseg_mask_rules *rules, const mseg_palette *palette, int ignore);

/** Whether class id does not count by the rules of the ground truth: it is the ignore label, or the map leaves it out and makes
 * no other id that class. */
MSEG_API bool mseg_mask_ignores(const mseg_mask_rules *rules, int id);

/** Replaces the map by a text file of lines "from to" (# comments): from an id or * for all others, to a class or "ignore". */
MSEG_API mseg_status mseg_mask_map_load(mseg_mask_rules *rules, const char *path, mseg_error *err);

/** Replaces the map by that of masks whose id 0 is no class and whose classes start with 1, as ADE20K has them: 0 and 255 become
 * the ignore label, every other id one less. The rules must have an ignore label. */
MSEG_API void mseg_mask_reduce_zero(mseg_mask_rules *rules);

/** Reads a label map: indexed or gray PNG (ids as stored, mapped) or RGB PNG (colours looked up in the palette, not mapped:
 * MSEG_MISMATCH where the map makes another class of one). ids->data then holds classes and ignore labels. *unknown (may be NULL)
 * is the number of pixels of unknown colours. A pixel that is no label is MSEG_MISMATCH, the text giving id or colour, position
 * and count. With MSEG_READ_AUTO, MSEG_MISMATCH also where two readings contradict each other: an indexed file whose used colours
 * are all the classes' (or the ignore label's) but stand at other indices; an RGB file of three equal channels that are ids as
 * well as colours and mean different classes. Equal channels that are not all colours of the palette are ids. On failure *ids is
 * all zero. Thread safe. */
MSEG_API mseg_status mseg_mask_read(mseg_image *ids, const char *path, const mseg_mask_rules *rules, const mseg_limits *limits,
                                    uint64_t *unknown, mseg_error *err);

/* What can go wrong with the images of a set, counted: key and text. The first MSEG_PROBLEM_missing_ignored of them are mistakes,
 * the others were asked for. */
#define MSEG_PROBLEM(X)                                                                                                          \
    X(failed, "images not scored (damaged, of another size, stray labels)")                                                      \
    X(missing, "images not scored for want of a prediction")                                                                     \
    X(duplicates, "repeated lines of the list, scored once")                                                                     \
    X(blank_lines, "blank lines of the list, skipped")                                                                           \
    X(crlf_lines, "lines of the list with Windows line ends, read without")                                                      \
    X(missing_ignored, "images left out for want of a prediction, as asked")                                                     \
    X(missing_background, "missing predictions counted as background, as asked")                                                 \
    X(unknown_color_pixels, "pixels of unknown colours, ignored as asked")

typedef enum mseg_problem {
#define MSEG_PROBLEM_ENUM(name, text) MSEG_PROBLEM_##name,
    MSEG_PROBLEM(MSEG_PROBLEM_ENUM)
#undef MSEG_PROBLEM_ENUM
        MSEG_PROBLEMS
} mseg_problem;

MSEG_API const char *mseg_problem_text(mseg_problem problem);

/* Exact counts over a set of images: confusion matrix, boundary pixels, one row per image. Sums do not depend on the order. One
 * thread at a time; several threads count into objects of their own and merge them. */
typedef struct mseg_counts mseg_counts;

/** rules: those of the ground truth; they tell the classes, the ignore label and which classes do not count (mseg_mask_ignores).
 * settings: lines "name: value" that a report shows and that must agree when counts are merged; may be NULL. Errors: MSEG_INVAL,
 * MSEG_NOMEM. */
MSEG_API mseg_status mseg_counts_open(mseg_counts **counts, const mseg_mask_rules *rules, const char *settings, mseg_error *err);

/** NULL-safe; sets *counts to NULL. */
MSEG_API void mseg_counts_close(mseg_counts **counts);

/** Counts one image: ids (MSEG_GRAY) of equal size. Pixels whose ground truth is the ignore label or a class that does not count
 * are left out; elsewhere, these in the prediction are void: a miss of the true class and a false alarm of none. On failure
 * nothing is counted; MSEG_MISMATCH for different sizes and for ids that are neither class nor ignore label. */
MSEG_API mseg_status mseg_counts_add(mseg_counts *counts, const char *id, mseg_view truth, mseg_view prediction, mseg_error *err);

/** The name of class id; NULL when it is not among the classes. */
MSEG_API const char *mseg_counts_class_name(const mseg_counts *counts, int id);

/** Adds times to what went wrong. */
MSEG_API void mseg_counts_note(mseg_counts *counts, mseg_problem problem, uint64_t times);

/** Moves what from holds to counts; from is left empty. MSEG_MISMATCH when classes, ignore label or settings differ. */
MSEG_API mseg_status mseg_counts_merge(mseg_counts *counts, mseg_counts *from, mseg_error *err);

/** Writes a JSON file of integers. MSEG_MISMATCH when two rows have one id. */
MSEG_API mseg_status mseg_counts_save(mseg_counts *counts, const char *path, mseg_error *err);

/** Reads and merges n >= 1 files. Damaged files (whose sums do not agree), other classes or settings and images that occur in two
 * files are refused; the text names the files. */
MSEG_API mseg_status mseg_counts_load(mseg_counts **counts, const char *const *paths, int n, mseg_error *err);

typedef struct mseg_class_score {
    int id;
    const char *name;
    bool ignored;                                      /* does not count: all figures are NaN */
    bool averaged;                                     /* among the classes of the means */
    uint64_t truth, predicted, hits, voids;            /* pixels; voids: of truth, predicted as no class */
    double iou, dice, precision, recall, boundary_iou; /* NaN: undefined. Dice = F1 = 2 hits / (truth + predicted) */
    uint64_t reserved[4];
} mseg_class_score;

typedef struct mseg_image_score {
    const char *id;
    int width, height;
    uint64_t pixels;                           /* not ignored */
    double miou, pixel_accuracy, boundary_iou; /* over the classes in this image; NaN when all of it is ignored */
    uint64_t reserved[4];
} mseg_image_score;

enum { MSEG_WARNINGS = 4 };

/* Figures over a set; NaN where there is nothing to divide by. Means (mIOU, Dice, accuracy, boundary, per image) are over the
 * averaged classes; pixel accuracy and the weighted IoU over all that count. */
typedef struct mseg_score {
    int classes, classes_present; /* present: averaged and in ground truth or prediction */
    int classes_averaged;
    int ignore; /* -1: none */
    size_t images;
    uint64_t pixels, ignored_pixels, void_pixels; /* that count; that do not; that count and are predicted as no class */
    double miou, dice, pixel_accuracy, mean_accuracy, frequency_weighted_iou, boundary_iou, per_image_miou;
    mseg_class_score *per_class;   /* in order of their ids */
    mseg_image_score *per_image;   /* by id */
    const uint64_t *confusion;     /* [classes, classes], rows are ground truth */
    char *warnings[MSEG_WARNINGS]; /* lines that whoever reads the figures should see; NULL behind the last */
    uint64_t problems[16];         /* times of each mseg_problem; room for later ones */
    const char *settings;
    uint64_t reserved[8];
} mseg_score;

/** Computes the figures; the score refers to counts, which must outlive it. average: by id, the classes of the means; NULL: all.
 * MSEG_MISMATCH when two rows have one id, MSEG_INVAL when average has no class that counts, MSEG_NOMEM. */
MSEG_API mseg_status mseg_score_open(mseg_score *score, mseg_counts *counts, const bool average[256], mseg_error *err);
MSEG_API void mseg_score_close(mseg_score *score);

/** Whether any image or line of a list was faulty: the exit status of a program should say so. */
MSEG_API bool mseg_score_has_mistakes(const mseg_score *score);

/* The images of one id, for the report's examples; the report frees them. photo (any format but MSEG_GRAY) may stay empty. */
typedef struct mseg_example {
    mseg_image photo, truth, prediction;
} mseg_example;

typedef struct mseg_report {
    const mseg_score *score;
    const mseg_palette *palette;
    const char *command; /* as typed; may be NULL */
    /* Fills *example, which is all zero, with the pictures of an image, id as it was counted; NULL: a report without pictures. A
     * failure leaves that example out, but for MSEG_NOMEM, which ends the report. */
    mseg_status (*example)(void *context, const char *id, mseg_example *example);
    void *context;
} mseg_report;

/* Reports are written to file as it is; whether it took all of them, ferror(file) and fclose tell. */

/** Figures for a terminal; unicode: bars of block characters, else of #. */
MSEG_API void mseg_report_text(FILE *file, const mseg_report *report, bool unicode);
/** One line per class, then one of what is ignored in the ground truth and void in the predictions. */
MSEG_API void mseg_report_csv(FILE *file, const mseg_report *report);
MSEG_API mseg_status mseg_report_json(FILE *file, const mseg_report *report, mseg_error *err);
/** One self-contained page. */
MSEG_API mseg_status mseg_report_html(FILE *file, const mseg_report *report, mseg_error *err);

/* ---- two sets of predictions compared ---------------------------------------------------------------------------------- */

enum {
    MSEG_SAMPLES_MIN = 100,
    MSEG_SAMPLES_MAX = 100000,
    /* Fewer give no interval: five images that all changed one way do so by chance in one of 16 cases. */
    MSEG_INTERVAL_IMAGES = 6
};

/* A figure (0 to 1) of both sets, and how it changed. NaN where there is nothing to divide by. */
typedef struct mseg_difference {
    double a, b, change; /* change: b - a */
    double low, high;    /* 95 % interval of change; both NaN: none, for want of images or of a change */
    int samples;         /* resamples in which change is defined; the interval is theirs */
    uint64_t reserved[2];
} mseg_difference;

typedef struct mseg_class_difference {
    int id;
    const char *name;
    bool ignored, averaged; /* as in mseg_class_score */
    size_t images;          /* whose ground truth has it; fewer than MSEG_INTERVAL_IMAGES: no interval */
    mseg_difference iou;
    uint64_t reserved[4];
} mseg_class_difference;

typedef struct mseg_image_difference {
    const char *id;
    double a, b, change; /* mIOU of the image; NaN as in mseg_image_score */
    uint64_t reserved[4];
} mseg_image_difference;

/* Two sets of predictions for the same images and ground truth. */
typedef struct mseg_comparison {
    mseg_score a, b;
    int samples;
    uint64_t seed;
    int classes;
    size_t images, better, worse, same; /* of images, by change; those without one are in none of the last three */
    mseg_difference miou, dice, pixel_accuracy, boundary_iou; /* over the classes that the scores' are over */
    mseg_class_difference *per_class;                         /* in order of their ids */
    mseg_image_difference *per_image;                         /* most improved first, then by id; those without a change last */
    uint64_t reserved[8];
} mseg_comparison;

/** Compares b with a. average: as for mseg_score_open. The intervals are paired bootstrap percentile intervals over images: each
 * of samples (MSEG_SAMPLES_MIN .. MSEG_SAMPLES_MAX) resamples draws as many images as there are, with replacement, the same for
 * both sets, sums their pixels and takes the figures of the sums; the interval runs from the 2.5th to the 97.5th percentile of
 * the differences (linear between neighbours). One seed gives the same bounds on every machine. Source: Efron and Tibshirani, "An
 * Introduction to the Bootstrap", 1993, chapters 8 and 13.
 * The comparison refers to a and b, which must outlive it (and may be one object); mseg_comparison_close it. Errors:
 * MSEG_MISMATCH when classes, ignored ones, ignore label, images or their ground truth differ (the text is about b), MSEG_INVAL
 * for samples and when there is no image or nothing to average, MSEG_LIMIT, MSEG_NOMEM; *out is then all zero. Settings may
 * differ. Comparisons are independent of each other, but a and b are sorted: one thread at a time may use them. */
MSEG_API mseg_status mseg_comparison_open(mseg_comparison *out, mseg_counts *a, mseg_counts *b, const bool average[256],
                                          int samples, uint64_t seed, mseg_error *err);

/** Safe on an all-zero comparison, which it leaves. */
MSEG_API void mseg_comparison_close(mseg_comparison *comparison);

/** 1 or -1 when the interval lies above or below 0, 0 when it holds 0 or there is none. */
MSEG_API int mseg_difference_sign(const mseg_difference *difference);

typedef struct mseg_comparison_report {
    const mseg_comparison *comparison;
    const char *a, *b;   /* what the two are called: their files */
    const char *command; /* as typed; may be NULL */
} mseg_comparison_report;

/** Tables for a terminal; the ten images that improved most and the ten that lost most. */
MSEG_API void mseg_comparison_text(FILE *file, const mseg_comparison_report *report);
/** All figures, all images. */
MSEG_API mseg_status mseg_comparison_json(FILE *file, const mseg_comparison_report *report, mseg_error *err);
/** One self-contained page, with the JSON in it. */
MSEG_API mseg_status mseg_comparison_html(FILE *file, const mseg_comparison_report *report, mseg_error *err);

/* ---- experimental ------------------------------------------------------------------------------------------------------
 * For benchmarks, tests and the paper's tables. These may change or go with any version, also where the rest may not; so may
 * mseg_model_options.unfused. */

/** A model with pseudo-random weights, for benchmarks and for counting: NETWORK[:OPTION]..., e.g. "mnv2:0.5:aspp". NETWORK: mnv2,
 * mnv1, resnet14, resnet50, resnet101. OPTION: a width multiplier, aspp, separable, nopool, decoder, last, exact, beta,
 * imagenet, classes=N (mseg(1) tells what they are); 21 classes by default. The same description gives the same weights
 * everywhere. Errors: MSEG_NOENT when no network is called so, MSEG_INVAL, MSEG_NOMEM. */
MSEG_API mseg_status mseg_model_open_random(mseg_model **model, const char *architecture, const mseg_model_options *options,
                                            mseg_error *err);

/** Whether what is before the description's first colon is a network's name. */
MSEG_API bool mseg_architecture_known(const char *description);

#include "image/png_mark.h"

typedef struct mseg_layer {
    char name[64];    /* "backbone.block3" */
    const char *kind; /* "conv", "inverted residual", "global average pool" ... */
    int in_width, in_height, in_channels;
    int out_width, out_height, out_channels;
    int expanded_channels; /* inverted residual: channels inside, else 0 */
    int kernel, stride, rate;
    int64_t madds; /* multiplies of its convolutions, as counted in papers */
    int64_t params;
    size_t peak_bytes; /* activation bytes alive while it runs */
    double ms;         /* of the session's last run, 0 before; layers streamed together share it: see group */
    int group;         /* layers of equal group run as one */
    float quant_scale; /* by which the file holds its output as bytes, see mseg_model_info; 0: it does not */
    int quant_zero_point;
    uint64_t reserved[3];
} mseg_layer;

typedef struct mseg_plan_info {
    int canvas_width, canvas_height;
    int layers;
    int64_t madds, params;
    size_t arena_bytes;  /* activations, all threads */
    size_t weight_bytes; /* packed weights */
    int peak_layer;      /* index of the layer that needs the most */
    uint64_t reserved[4];
} mseg_plan_info;

/** Plans for that canvas (any sides >= 1) and describes the plan. */
MSEG_API mseg_status mseg_session_plan(mseg_session *session, int width, int height, mseg_plan_info *info, mseg_error *err);

/** Layer 0 <= index < layers of the session's current plan; all zero, with "" as its kind, when there is no such layer or plan.
 */
MSEG_API mseg_layer mseg_session_layer(const mseg_session *session, int index);

/** Runs the current plan on a canvas-sized photo, to logits only: what the benchmarks time. */
MSEG_API mseg_status mseg_session_forward(mseg_session *session, mseg_view canvas, mseg_result *result, mseg_error *err);

/** Multiply-adds a second, of floats or of bytes as the model's precision says, that its kernel set reaches in registers with the
 * pool's idle threads (NULL: one) at once, measured now for about 50 ms: what no convolution can beat. */
MSEG_API double mseg_peak(const mseg_model *model, mseg_pool *pool);

/** What these multiply-adds are, for people: "FMA" of floats; of bytes "VNNI", "vpmaddwd" or, where kernels use neither, "8-bit".
 */
MSEG_API const char *mseg_arithmetic(const mseg_model *model);

/* How many channels are positive: figure 7 of arXiv 1801.04381. Of every convolution of a network that ends in a ReLU or ReLU6,
 * the channels of its map that are above 0 (behind the ReLU, which are those in front of it) are counted at each position, in
 * each photo. Positions are those whose first pixel of the canvas, stride * x and stride * y, is one of the photo's; of a map of
 * one position that one. */
typedef struct mseg_activations mseg_activations;

/** Opens a model to be counted on square canvases of that side (0: the model's own), which may be of any kind but run in floats.
 * The model and the pool (NULL: one thread) must outlive it. One call at a time. All maps that are counted are in memory at once.
 * Errors: MSEG_UNSUPPORTED for a model of MSEG_PRECISION_INT8, MSEG_INVAL for a size that does not suit, MSEG_LIMIT,
 * MSEG_NOMEM. */
MSEG_API mseg_status mseg_activations_open(mseg_activations **activations, const mseg_model *model, int size, mseg_pool *pool,
                                           mseg_error *err);

/** NULL-safe; sets *activations to NULL. */
MSEG_API void mseg_activations_close(mseg_activations **activations);

/** Runs the model on a photo, as mseg_segment does by default or mseg_classify at crop 0.875, and counts. The counts do not
 * depend on the order of photos and the number of threads. Errors: MSEG_INVAL, MSEG_NOMEM, MSEG_LIMIT; MSEG_FORMAT when a layer
 * makes what is no finite number; nothing of the photo is counted then. */
MSEG_API mseg_status mseg_activations_add(mseg_activations *activations, mseg_view photo, mseg_error *err);

typedef struct mseg_activations_info {
    int size; /* side of the canvas */
    int64_t photos;
    int layers;
    uint64_t reserved[4];
} mseg_activations_info;

MSEG_API mseg_activations_info mseg_activations_describe(const mseg_activations *activations);

/* One of these layers; the counts are over all positions of all photos. */
typedef struct mseg_activity {
    char name[64];    /* "backbone.block3.expand" */
    const char *kind; /* "conv" or "depthwise conv" */
    int channels;
    /* Positive channels without which the ReLU cannot be undone (the paper's lemma 2): as many as the layer reads, when it is a
     * 1x1 convolution that adds nothing; of a depthwise convolution that reads a block's expansion, as many as that one. 1/6 of
     * the channels behind an expansion by 6; may be more than there are. 0: nothing is known. */
    int threshold;
    int64_t positions;
    int min, percentile5, median, percentile95, max; /* percentile P: the least number that P % of the positions do not exceed */
    double mean, deviation;                          /* NaN without positions; deviation: the root of the mean square */
    int64_t below;                                   /* positions with fewer than threshold */
    double at_six;                                   /* channels that ReLU6 cuts off, and so loses, too: the mean; of a ReLU 0 */
    /* [channels + 1]: positions with so many; it is the object's and changes with the next photo. */
    const int64_t *histogram;
    uint64_t reserved[4];
} mseg_activity;

/** Layer 0 <= index < layers, in running order; all zero, with "" as its kind, when there is no such one. */
MSEG_API mseg_activity mseg_activations_at(const mseg_activations *activations, int index);

/* ---- training ----------------------------------------------------------------------------------------------------------
 * MobileNetV1 and V2 with DeepLabv3's head or a classifier's, trained on this machine. Experimental, too. */

/* A photo and what it shows: a label file, or of a classifier a class. With a teacher neither is read to train
 * on; a photo to validate with has a mask, or what the teacher says is its truth. */
typedef struct mseg_train_sample {
    const char *photo;
    const char *mask;
    int label;
} mseg_train_sample;

typedef enum mseg_optimizer { MSEG_OPTIMIZER_ADAMW, MSEG_OPTIMIZER_SGD, MSEG_OPTIMIZER_RMSPROP } mseg_optimizer;

/* COSINE: to 0. POLY: (1 - progress)^0.9, DeepLab's. EXPONENTIAL: 0.98 an epoch, MobileNetV2's. */
typedef enum mseg_rate_schedule {
    MSEG_RATE_COSINE,
    MSEG_RATE_POLY,
    MSEG_RATE_EXPONENTIAL,
    MSEG_RATE_CONSTANT
} mseg_rate_schedule;

/* AUTO: FREEZE where a step has too few pixels for statistics of its own, else TRAIN. */
typedef enum mseg_train_norms { MSEG_NORMS_AUTO, MSEG_NORMS_TRAIN, MSEG_NORMS_FREEZE } mseg_train_norms;

typedef struct mseg_train_options {
    size_t struct_size; /* mseg_train_options_init sets it */
    /* What is trained. model alone: a model file; "builtin", or both NULL: the model that is part of the library. architecture
     * alone: random numbers in a network described as for mseg_model_open_random, whose number of classes is that of the data.
     * Both: the model's numbers in that network, which has its layers with as many channels or more (Chen et al. 2016,
     * Net2WiderNet): it says at first about what the model says. */
    const char *model, *architecture;
    /* A model file whose probabilities are learnt instead of masks, "builtin": the model of the library; NULL: none. */
    const char *teacher;
    const mseg_train_sample *train, *validation;
    size_t n_train, n_validation; /* n_validation may be 0 */
    const mseg_mask_rules *rules; /* the classes and how masks are read; of a classifier its palette alone */
    const mseg_limits *limits;    /* NULL: the defaults */
    mseg_orientation orientation;
    bool classifier;      /* samples have labels of their own */
    bool freeze_backbone; /* only the head is trained */
    bool equal_classes;   /* no weights of classes; default: rare ones weigh more, by the truth's frequencies */
    bool half;            /* bfloat16 where the processor has it */
    const char *cpu;      /* as in mseg_model_options */
    bool progressive;     /* crops of half the size at first (to 45% of the training), then three quarters (to 80%) */
    mseg_train_norms norms;
    int size;          /* side of the crops; 0: 257, of a classifier 224, no larger than the model's own */
    int output_stride; /* 8, 16, 32; 0: the model's own */
    int batch;         /* samples a step; 0: 16, or as many as there are */
    /* How long: one of them. All 0: 60 epochs. */
    int64_t steps;
    double epochs, minutes;
    mseg_optimizer optimizer;
    mseg_rate_schedule schedule;
    double learning_rate; /* 0: AdamW 1e-3, from random numbers 3e-3; SGD 0.007; RMSProp 0.045 at batch 96, in proportion */
    double momentum;      /* negative: 0.9 */
    double weight_decay;  /* negative: AdamW 0.05, else 4e-5 */
    double warmup;        /* steps; negative: a twentieth of all, at most 300 */
    double average;       /* of the moving average of the weights, which is what is written; 0: none; negative: 0.999 */
    double scale_min, scale_max; /* of crops; both 0: 0.5 and 2 */
    bool no_flip, no_color;      /* without turning left to right, without changes of colour */
    uint64_t seed;
    /* With a teacher: how much its features weigh beside its labels at first, 0.15 of it at the end; 0: they are not learnt. A
     * 1x1 convolution, which is no part of what is written, learns to tell the first 64 principal components of the teacher's
     * last map of the backbone from the same map of the network. */
    double features;
} mseg_train_options;

MSEG_API void mseg_train_options_init(mseg_train_options *options, size_t struct_size);

/* Where a training is. */
typedef struct mseg_train_state {
    int64_t step, steps;    /* taken; of all, an estimate when minutes are given */
    double epoch, progress; /* passes over the data; 0 to 1 */
    bool finished;
    double loss;     /* of the last step, a mean over its counted pixels by their weights; NaN: none counted */
    double accuracy; /* of its pixels */
    double learning_rate, gradient_norm;
    double seconds, seconds_left;     /* of training, pauses before a resumption left out */
    double samples_per_second;        /* of late, of steps alone */
    double madds_per_sample;          /* forward; a step makes three times these */
    uint64_t bytes, bytes_per_sample; /* of memory for maps and, not by sample, a teacher's answers */
    int batch, size;
    int64_t damaged;      /* photos that could not be read when it was their turn */
    int64_t left_out;     /* samples that were of no use when the training was opened; each, or how many, was told */
    double feature_loss;  /* of the last step, no part of loss: the mean square error of the teacher's features, whose mean square
                             is about 1; NaN: none are learnt */
    uint64_t photo_bytes; /* of memory for decoded photos, which are kept as long as they take no more than a quarter of what is
                             there */
    uint64_t reserved[5];
} mseg_train_state;

typedef struct mseg_training mseg_training;

/* NOTE: what is done, and is all right. WARNING: what may be wrong, or is left out. */
typedef enum mseg_train_severity { MSEG_TRAIN_NOTE, MSEG_TRAIN_WARNING } mseg_train_severity;

/** Told of what is worth knowing, in one line without a newline. file: NULL, or whose it is. */
typedef void (*mseg_train_note_fn)(void *context, mseg_train_severity severity, const char *file, const char *text);

/** Opens a training: reads the model and every mask, and says what is odd: note (NULL: nothing) is told of files that are left
 * out, of classes that never occur, of what differs from the model. What options point to must outlive the training. Errors:
 * those of the model; MSEG_MISMATCH when masks do not fit classes or photos, MSEG_INVAL with a text that names the field,
 * MSEG_LIMIT when memory will not do, MSEG_NOMEM. */
MSEG_API mseg_status mseg_training_open(mseg_training **training, const mseg_train_options *options, mseg_pool *pool,
                                        mseg_train_note_fn note, void *context, mseg_error *err);

/** NULL-safe; sets *training to NULL. */
MSEG_API void mseg_training_close(mseg_training **training);

/** Takes a step. Errors: MSEG_NOMEM; MSEG_FORMAT when loss or gradient is no finite number: the training is then as it was before
 * the step. */
MSEG_API mseg_status mseg_training_step(mseg_training *training, mseg_error *err);
MSEG_API mseg_train_state mseg_training_state(const mseg_training *training);

/** Runs the network as it would be written now on the validation's photos, fitted to size, and counts; close *counts with
 * mseg_counts_close. progress (may be NULL) may stop it. Errors: those of reading, MSEG_INVAL without validation, MSEG_CANCELLED.
 */
MSEG_API mseg_status mseg_training_validate(mseg_training *training, mseg_counts **counts, mseg_progress_fn progress,
                                            void *context, mseg_error *err);

/** Photo index of the validation with ground truth and prediction of now; free the pictures. */
MSEG_API mseg_status mseg_training_example(mseg_training *training, size_t index, mseg_example *example, mseg_error *err);

/** Writes the model as it is now, .tflite or .safetensors by its name, whole or not at all; *bytes (may be NULL): its size. */
MSEG_API mseg_status mseg_training_write(mseg_training *training, const char *path, uint64_t *bytes, mseg_error *err);

/** Writes all that is needed to go on as if nothing had happened, whole or not at all. text: the caller's own (NULL: none). */
MSEG_API mseg_status mseg_training_save(mseg_training *training, const char *path, const char *text, mseg_error *err);

/** Goes on from there; the training must have been opened with the same options and data. *text (may be NULL): the caller's own,
 * to be freed with free(). Errors: MSEG_FORMAT, MSEG_MISMATCH with what differs. */
MSEG_API mseg_status mseg_training_resume(mseg_training *training, const char *path, char **text, mseg_error *err);

#ifdef __cplusplus
}
#endif

#endif
