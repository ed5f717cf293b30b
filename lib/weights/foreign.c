#include "weights/foreign.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "weights/flatbuffer.h"
#include "weights/foreign_inside.h"

/* What mseg reads. */
#define GIVE   "give a .tflite, .pb, .onnx or .safetensors file"
#define UNPACK "unpack it and " GIVE

/* How much of a text is looked at. */
enum { MAX_LOOK = 1024 };

static bool holds(const uint8_t *data, size_t size, size_t at, const char *bytes, size_t count)
{
    return at <= size && count <= size - at && memcmp(data + at, bytes, count) == 0;
}

/* A pattern that stands somewhere in the first MAX_LOOK bytes. */
static bool mentions(const uint8_t *data, size_t size, const char *pattern)
{
    size_t count = strlen(pattern), look = size < MAX_LOOK ? size : MAX_LOOK;
    for (size_t at = 0; at + count <= look; at++)
        if (memcmp(data + at, pattern, count) == 0)
            return true;
    return false;
}

static size_t skip_blanks(const uint8_t *data, size_t size)
{
    size_t at = holds(data, size, 0, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (at < size && isspace(data[at]))
        at++;
    return at;
}

static bool begins_in_any_case(const uint8_t *data, size_t size, const char *lower)
{
    size_t at = skip_blanks(data, size), i = 0;
    while (lower[i] && at + i < size && tolower(data[at + i]) == lower[i])
        i++;
    return !lower[i];
}

static bool is_web_page(const uint8_t *data, size_t size)
{
    return begins_in_any_case(data, size, "<!doctype html") || begins_in_any_case(data, size, "<html");
}

static bool is_openvino(const uint8_t *data, size_t size)
{
    return begins_in_any_case(data, size, "<?xml") && mentions(data, size, "<net ");
}

static bool is_tensorflow_js(const uint8_t *data, size_t size)
{
    return begins_in_any_case(data, size, "{") && mentions(data, size, "\"modelTopology\"");
}

static bool is_graph_text(const uint8_t *data, size_t size)
{
    return begins_in_any_case(data, size, "node {") || begins_in_any_case(data, size, "node{");
}

/* A sorted table of strings, as LevelDB has them: its last bytes are a number. */
static bool is_checkpoint(const uint8_t *data, size_t size)
{
    return size >= 48 && holds(data, size, size - 8, "\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8);
}

static bool is_pytorch(const uint8_t *data, size_t size)
{
    return mseg_foreign_zip_holds(data, size, "/data.pkl");
}

static bool is_keras(const uint8_t *data, size_t size)
{
    return mseg_foreign_zip_holds(data, size, "model.weights.h5");
}

static bool is_numpy_archive(const uint8_t *data, size_t size)
{
    return mseg_foreign_zip_holds(data, size, ".npy");
}

static bool is_zip_of_ours(const uint8_t *data, size_t size)
{
    return mseg_foreign_zip_holds(data, size, ".tflite");
}

static bool is_pickle(const uint8_t *data, size_t size)
{
    return size > 3 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5 && data[size - 1] == '.';
}

static bool is_webp(const uint8_t *data, size_t size)
{
    return holds(data, size, 0, "RIFF", 4) && holds(data, size, 8, "WEBP", 4);
}

/* How many bytes the character at the beginning has in UTF-8; 0: it is none, or one that no text has. */
static size_t character_bytes(const uint8_t *data, size_t size)
{
    uint8_t first = data[0];
    if (first < 0x80)
        return (first >= ' ' && first != 0x7f) || isspace(first) ? 1 : 0;
    size_t count = first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    if (first >= 0xf8 || count > size)
        return 0;
    for (size_t i = 1; i < count; i++)
        if ((data[i] & 0xc0) != 0x80)
            return 0;
    return count;
}

static bool is_text(const uint8_t *data, size_t size)
{
    size_t at = 0, look = size < MAX_LOOK ? size : MAX_LOOK;
    while (at < look) {
        size_t count = character_bytes(data + at, size - at);
        if (!count)
            return false;
        at += count;
    }
    return true;
}

static bool is_zeros(const uint8_t *data, size_t size)
{
    size_t at = 0;
    while (at < size && data[at] == 0)
        at++;
    return at == size;
}

static bool is_anything(const uint8_t *data, size_t size)
{
    (void)data;
    return size > 0;
}

typedef struct foreign {
    const char *bytes; /* that stand at a position, or NULL and a function that knows them */
    size_t count, at;
    bool (*fits)(const uint8_t *data, size_t size);
    mseg_status status;
    const char *what, *give;
} foreign;

#define MAGIC(at, bytes) bytes, sizeof bytes - 1, at, NULL
#define FITS(function)   NULL, 0, 0, function
#define MODEL(what)      MSEG_UNSUPPORTED, what ", which mseg does not read", GIVE
#define ARCHIVE(what)    MSEG_UNSUPPORTED, what, UNPACK
#define NO_MODEL(what)   MSEG_FORMAT, what ", not a model", GIVE

/* The first that fits. */
static const foreign kinds[] = {
    {MAGIC(0, "version https://git-lfs"), MSEG_FORMAT, "a Git LFS pointer, not the model", "git lfs pull fetches it"},
    {FITS(is_web_page), MSEG_FORMAT, "a web page, not the model", "download the file itself"},
    {MAGIC(0, "\x89HDF\r\n\x1a\n"), MODEL("an HDF5 file (Keras' .h5)")},
    {FITS(is_keras), MODEL("a Keras model (.keras)")},
    {FITS(is_pytorch), MODEL("a PyTorch file (.pt, .pth)")},
    {MAGIC(0, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"), MODEL("a PyTorch file (.pt, .pth)")},
    {FITS(is_pickle), MODEL("a Python pickle")},
    {FITS(mseg_foreign_is_onnx), MODEL("an ONNX model")},
    {FITS(mseg_foreign_is_saved_model), MODEL("a TensorFlow SavedModel (.pb)")},
    {FITS(mseg_foreign_is_meta_graph), MODEL("the graph of a TensorFlow checkpoint (.meta)")},
    {FITS(mseg_foreign_is_graphdef), MODEL("a TensorFlow GraphDef (.pb)")},
    {FITS(is_graph_text), MODEL("a TensorFlow GraphDef as text (.pbtxt)")},
    {FITS(is_checkpoint), MODEL("a TensorFlow checkpoint")},
    {MAGIC(0, "model_checkpoint_path:"), MODEL("the list of a TensorFlow checkpoint")},
    {FITS(is_tensorflow_js), MODEL("a TensorFlow.js model")},
    {FITS(mseg_foreign_is_core_ml), MODEL("a Core ML model")},
    {FITS(is_openvino), MODEL("an OpenVINO model (.xml)")},
    {MAGIC(0, "\x93NUMPY"), MODEL("a NumPy array")},
    {FITS(is_numpy_archive), MODEL("an archive of NumPy arrays (.npz)")},
    {FITS(is_zip_of_ours), MSEG_UNSUPPORTED, "a zip archive with a .tflite inside", "unpack it"},
    {FITS(mseg_foreign_is_zip), ARCHIVE("a zip archive")},
    {MAGIC(0, "\x1f\x8b"), ARCHIVE("a gzip archive")},
    {MAGIC(257, "ustar"), ARCHIVE("a tar archive")},
    {MAGIC(0, "\3757zXZ"), ARCHIVE("an xz archive")},
    {MAGIC(0, "BZh91AY&SY"), ARCHIVE("a bzip2 archive")},
    {MAGIC(0, "\x28\xb5\x2f\xfd"), ARCHIVE("a zstd archive")},
    {MAGIC(0, "7z\xbc\xaf\x27\x1c"), ARCHIVE("a 7z archive")},
    {MAGIC(0, "Rar!\x1a"), ARCHIVE("a rar archive")},
    {MAGIC(0, "\x89PNG\r\n\x1a\n"), NO_MODEL("a PNG picture")},
    {MAGIC(0, "\xff\xd8\xff"), NO_MODEL("a JPEG picture")},
    {MAGIC(0, "GIF8"), NO_MODEL("a GIF picture")},
    {FITS(is_webp), NO_MODEL("a WebP picture")},
    {MAGIC(0, "%PDF-"), NO_MODEL("a PDF document")},
    {FITS(is_text), NO_MODEL("a text file")},
    {FITS(is_zeros), MSEG_FORMAT, "nothing but zeros", "get the file again"},
    {FITS(is_anything), MSEG_FORMAT, "not a model file that mseg can read", GIVE},
};

mseg_status mseg_foreign(const uint8_t *data, size_t size, mseg_error *err)
{
    const foreign *f = kinds;
    while (f->fits ? !f->fits(data, size) : !holds(data, size, f->at, f->bytes, f->count))
        f++;
    return mseg_fail(err, f->status, "%s; %s", f->what, f->give);
}
