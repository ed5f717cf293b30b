/* What files are that are no model, by the bytes that their makers write first (or last): from the formats' descriptions. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weights/weights.h"

#define GIVE     "; give a .tflite, .pb, .onnx or .safetensors file"
#define NOT_READ ", which mseg does not read" GIVE
#define UNKNOWN  "not a model file that mseg can read" GIVE

typedef struct sample {
    const char *bytes;
    size_t size;
    mseg_status status;
    const char *text;
} sample;

#define S(bytes)            bytes, sizeof bytes - 1
#define ENTRY(length, name) "PK\1\2........................" length "\0\0\0\0............" name
#define ZIP(directory)      "PK\3\4.........................." directory "PK\5\6............\x1e\0\0\0\0\0"
#define NODE                "\x0a\x09\x0a\1x\x12\4Relu" /* of a GraphDef */

static const sample samples[] = {
    {S("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"), MSEG_FORMAT,
     "a Git LFS pointer, not the model; git lfs pull fetches it"},
    {S("\n<!DOCTYPE html><title>Not found</title>"), MSEG_FORMAT, "a web page, not the model; download the file itself"},
    {S("\xef\xbb\xbf<HTML>\n"), MSEG_FORMAT, "a web page, not the model; download the file itself"},
    {S("<htm"), MSEG_FORMAT, "a text file, not a model" GIVE},
    {S("\x89HDF\r\n\x1a\n\0"), MSEG_UNSUPPORTED, "an HDF5 file (Keras' .h5)" NOT_READ},
    {S(ZIP(ENTRY("\x05\0", "a.npy") ENTRY("\x10\0", "model.weights.h5"))), MSEG_UNSUPPORTED, "a Keras model (.keras)" NOT_READ},
    {S(ZIP(ENTRY("\x06\0", "m/data") ENTRY("\x0a\0", "m/data.pkl"))), MSEG_UNSUPPORTED, "a PyTorch file (.pt, .pth)" NOT_READ},
    {S(ZIP(ENTRY("\x05\0", "a.npy"))), MSEG_UNSUPPORTED, "an archive of NumPy arrays (.npz)" NOT_READ},
    {S(ZIP(ENTRY("\x08\0", "a.tflite"))), MSEG_UNSUPPORTED, "a zip archive with a .tflite inside; unpack it"},
    {S(ZIP(ENTRY("\x01\0", "a"))), MSEG_UNSUPPORTED,
     "a zip archive; unpack it and give a .tflite, .pb, .onnx or .safetensors file"},
    {S("PK\3\4 cut off behind the name a/data.pkl"), MSEG_UNSUPPORTED,
     "a zip archive; unpack it and give a .tflite, .pb, .onnx or .safetensors file"},
    {S(ZIP(ENTRY("\xff\xff", "a/data.pkl"))), MSEG_UNSUPPORTED,
     "a zip archive; unpack it and give a .tflite, .pb, .onnx or .safetensors file"},
    {S("\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80"), MSEG_UNSUPPORTED, "a PyTorch file (.pt, .pth)" NOT_READ},
    {S("\x80\4N."), MSEG_UNSUPPORTED, "a Python pickle" NOT_READ},
    {S("\x80\4N"), MSEG_FORMAT, UNKNOWN},
    {S("\x30\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\",\"shape\":[],\"offsets\":[0,4]}}    "), MSEG_FORMAT,
     "damaged safetensors file: w does not say where its bytes are; get it again"},
    {S("\x3c\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\",\"shape\":[],\"offsets\":[0,4]}}    "), MSEG_FORMAT,
     "damaged safetensors file: it is 60 bytes, its header alone 60; get it again"},
    {S("\x2f\0\0\0\0\1\0\0{\"w\":{\"dtype\":\"F32\",\"shape\":[],\"offsets\":[0,4]}}    "), MSEG_FORMAT, UNKNOWN},
    {S("\x08\x07\x12\1p\x42\2\x10\x0d"), MSEG_FORMAT, UNKNOWN}, /* no graph */
    {S("\x08\x07\x12\1p\x3a\2\x10\1"), MSEG_FORMAT, UNKNOWN},   /* one without nodes */
    {S(NODE), MSEG_UNSUPPORTED, "a TensorFlow graph without a place for the picture (Placeholder); give one that is frozen"},
    {S("\x0a\x09\x0a\1x\x12\4Re\xff"
       "u"),
     MSEG_FORMAT, UNKNOWN}, /* no operation's name */
    {S("\x0a\2\x12\0\x12\x0b" NODE), MSEG_UNSUPPORTED, "the graph of a TensorFlow checkpoint (.meta)" NOT_READ},
    {S("\x08\1\x12\x11\x0a\2\x12\0\x12\x0b" NODE), MSEG_UNSUPPORTED, "a TensorFlow SavedModel (.pb)" NOT_READ},
    {S("\x08\4\x12\2\x0a\0\x52\0\xa2\x1f\1x"), MSEG_UNSUPPORTED, "a Core ML model" NOT_READ}, /* a neural network: field 500 */
    {S("\x08\4\x12\2\x0a\0\x62\1\x01"), MSEG_FORMAT, UNKNOWN},
    {S("node {\n  name: \"x\"\n}\n"), MSEG_UNSUPPORTED, "a TensorFlow GraphDef as text (.pbtxt)" NOT_READ},
    {S("\0................................................\x57\xfb\x80\x8b\x24\x75\x47\xdb"), MSEG_UNSUPPORTED,
     "a TensorFlow checkpoint" NOT_READ},
    {S("model_checkpoint_path: \"x\"\n"), MSEG_UNSUPPORTED, "the list of a TensorFlow checkpoint" NOT_READ},
    {S("{\"modelTopology\": {}}"), MSEG_UNSUPPORTED, "a TensorFlow.js model" NOT_READ},
    {S("{\"a\": 1}"), MSEG_FORMAT, "a text file, not a model" GIVE},
    {S("<?xml version=\"1.0\"?>\n<net name=\"m\" version=\"11\">"), MSEG_UNSUPPORTED, "an OpenVINO model (.xml)" NOT_READ},
    {S("<?xml version=\"1.0\"?>\n<Error/>"), MSEG_FORMAT, "a text file, not a model" GIVE},
    {S("\x93NUMPY\1\0"), MSEG_UNSUPPORTED, "a NumPy array" NOT_READ},
    {S("\x1f\x8b\x08\0"), MSEG_UNSUPPORTED, "a gzip archive; unpack it and give a .tflite, .pb, .onnx or .safetensors file"},
    {S("\xfd"
       "7zXZ\0"),
     MSEG_UNSUPPORTED, "an xz archive; unpack it and give a .tflite, .pb, .onnx or .safetensors file"},
    {S("BZh91AY&SY\xff"), MSEG_UNSUPPORTED, "a bzip2 archive; unpack it and give a .tflite, .pb, .onnx or .safetensors file"},
    {S("\x28\xb5\x2f\xfd\x04"), MSEG_UNSUPPORTED,
     "a zstd archive; unpack it and give a .tflite, .pb, .onnx or .safetensors file"},
    {S("7z\xbc\xaf\x27\x1c\0"), MSEG_UNSUPPORTED, "a 7z archive; unpack it and give a .tflite, .pb, .onnx or .safetensors file"},
    {S("Rar!\x1a\7"), MSEG_UNSUPPORTED, "a rar archive; unpack it and give a .tflite, .pb, .onnx or .safetensors file"},
    {S("\x89PNG\r\n\x1a\n\0"), MSEG_FORMAT, "a PNG picture, not a model" GIVE},
    {S("\xff\xd8\xff\xe0"), MSEG_FORMAT, "a JPEG picture, not a model" GIVE},
    {S("GIF89a\1\0"), MSEG_FORMAT, "a GIF picture, not a model" GIVE},
    {S("RIFF\1\0\0\0WEBP"), MSEG_FORMAT, "a WebP picture, not a model" GIVE},
    {S("RIFF\1\0\0\0WAVE"), MSEG_FORMAT, UNKNOWN},
    {S("%PDF-1.7\n"), MSEG_FORMAT, "a PDF document, not a model" GIVE},
    {S("Gr\xc3\xbc\xc3\x9f"
       "e, \xe2\x82\xac, \xf0\x9f\x90\x88\r\n\t"),
     MSEG_FORMAT, "a text file, not a model" GIVE},
    {S("\xe2\x82"), MSEG_FORMAT, UNKNOWN}, /* half a character */
    {S("a\xc3zb"), MSEG_FORMAT, UNKNOWN},  /* not UTF-8 */
    {S("text\x01text"), MSEG_FORMAT, UNKNOWN},
    {S("\0\0\0\0\0\0\0\0\0"), MSEG_FORMAT, "nothing but zeros; get the file again"},
    {S("\0\0\0\0\0\0\0\0\1"), MSEG_FORMAT, UNKNOWN},
    {S("\x18\0\0\0TFL2\0"), MSEG_FORMAT, UNKNOWN},
};

/* In a block of exactly that size, so that the sanitizer sees every byte read beyond it. */
static mseg_status open_bytes(const char *bytes, size_t size, mseg_error *err)
{
    uint8_t *block = malloc(size);
    assert_non_null(block);
    memcpy(block, bytes, size);
    mseg_weights *weights;
    mseg_status status = mseg_weights_open_memory(&weights, block, size, err);
    assert_null(weights);
    free(block);
    return status;
}

static void files_of_other_kinds_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        mseg_error err = {0};
        mseg_status status = open_bytes(samples[i].bytes, samples[i].size, &err);
        if (strcmp(err.text, samples[i].text) != 0)
            fail_msg("sample %zu: expected '%s', got '%s'", i, samples[i].text, err.text);
        assert_int_equal(status, samples[i].status);
        assert_int_equal(err.status, status);
    }
}

static void cut_files_of_other_kinds_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        for (size_t size = 1; size < samples[i].size; size++) {
            mseg_error err = {0};
            mseg_status status = open_bytes(samples[i].bytes, size, &err);
            assert_true(status == MSEG_FORMAT || status == MSEG_UNSUPPORTED);
            assert_int_equal(err.status, status);
            assert_non_null(strstr(err.text, "; "));
        }
}

/* A tar archive is told by its 258th byte, whatever the name of the first file in it. */
static void tar_archives_are_named(void **state)
{
    (void)state;
    char block[512] = "model.tflite";
    memcpy(block + 257, "ustar", 6);
    mseg_error err = {0};
    assert_int_equal(open_bytes(block, sizeof block, &err), MSEG_UNSUPPORTED);
    assert_string_equal(err.text, "a tar archive; unpack it and give a .tflite, .pb, .onnx or .safetensors file");
    assert_int_equal(open_bytes(block, 261, &err), MSEG_FORMAT);
    assert_string_equal(err.text, UNKNOWN);
}

/* A frozen graph whose download stopped: the last node is not whole. */
static void the_beginning_of_a_large_file_is_enough(void **state)
{
    (void)state;
    static const char graph[] = "\x0a\x8f\x01\x0a\1x\x12\5Const\x1a\x7f";
    mseg_error err = {0};
    assert_int_equal(open_bytes(graph, sizeof graph - 1, &err), MSEG_FORMAT);
    assert_string_equal(err.text, "damaged TensorFlow GraphDef: no field at byte 0 of 15; get it again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_other_kinds_are_named),
        cmocka_unit_test(cut_files_of_other_kinds_are_refused),
        cmocka_unit_test(tar_archives_are_named),
        cmocka_unit_test(the_beginning_of_a_large_file_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
