#include <string.h>

#include "image/decode.h"

#define READ "PNG, JPEG, WebP or TIFF"

/* Programs that make a PNG of a picture that is not read. */
#define MAGICK(kind) "convert a." kind " a.png"
#define HEIF         "heif-convert a.heic a.png"
#define RAW(kind)    "darktable-cli a." kind " a.png"
#define OTHER        MSEG_KIND_OTHER

/* First bytes of files, n of them, ? being any. What is not read is only named in messages, a picture with how to convert it. */
typedef struct signature {
    mseg_kind kind;
    int n;
    char bytes[16];
    const char *name, *convert;
} signature;

static const signature signatures[] = {
    {MSEG_KIND_PNG, 8, "\x89PNG\r\n\x1a\n", "PNG"},
    {MSEG_KIND_JPEG, 3, "\xff\xd8\xff", "JPEG"},
    {OTHER, 4, "\x89PNG", "a PNG damaged by a text-mode transfer"},
    {MSEG_KIND_WEBP, 12, "RIFF????WEBP", "WebP"},
    {MSEG_KIND_TIFF, 4, "II*\0", "TIFF"},
    {MSEG_KIND_TIFF, 4, "II+\0", "TIFF"}, /* BigTIFF */
    {MSEG_KIND_TIFF, 4, "MM\0*", "TIFF"},
    {MSEG_KIND_TIFF, 4, "MM\0+", "TIFF"},
    {OTHER, 4, "GIF8", "a GIF", "convert 'a.gif[0]' a.png"},
    {OTHER, 2, "BM", "a BMP", MAGICK("bmp")},
    {OTHER, 12, "????ftypavif", "an AVIF", "avifdec a.avif a.png"},
    {OTHER, 12, "????ftypavis", "an AVIF", "avifdec a.avif a.png"},
    {OTHER, 11, "????ftyphei", "a HEIC", HEIF},
    {OTHER, 11, "????ftyphev", "a HEIC", HEIF},
    {OTHER, 12, "????ftypmif1", "a HEIF", HEIF},
    {OTHER, 12, "????ftypmsf1", "a HEIF", HEIF},
    {OTHER, 11, "????ftypcrx", "a Canon raw", RAW("cr3")},
    {OTHER, 8, "????ftyp", "a video"},
    {OTHER, 8, "????jP  ", "a JPEG 2000", "opj_decompress -i a.jp2 -o a.png"},
    {OTHER, 4, "\xff\x4f\xff\x51", "a JPEG 2000", "opj_decompress -i a.j2k -o a.png"},
    {OTHER, 8, "????JXL ", "a JPEG XL", "djxl a.jxl a.png"},
    {OTHER, 2, "\xff\x0a", "a JPEG XL", "djxl a.jxl a.png"},
    {OTHER, 4, "8BPS", "a Photoshop", "convert 'a.psd[0]' a.png"},
    {OTHER, 4, "\x76\x2f\x31\x01", "an OpenEXR", MAGICK("exr")},
    {OTHER, 4, "\0\0\1\0", "an icon", "convert 'a.ico[0]' a.png"},
    {OTHER, 4, "IIRO", "an Olympus raw", RAW("orf")},
    {OTHER, 4, "IIU\0", "a Panasonic raw", RAW("rw2")},
    {OTHER, 15, "FUJIFILMCCD-RAW", "a Fujifilm raw", RAW("raf")},
    {OTHER, 4, "<svg", "an SVG", "rsvg-convert a.svg -o a.png"},
    {OTHER, 4, "%PDF", "PDF"},
    {OTHER, 4, "PK\3\4", "ZIP"},
    {OTHER, 2, "\x1f\x8b", "gzip"},
    {OTHER, 6, "\x93NUMPY", "NumPy"},
    {OTHER, 5, "<?xml", "XML or SVG"},
    {OTHER, 5, "<html", "HTML"},
    {OTHER, 9, "<!DOCTYPE", "HTML"},
};

/* Netpbm's kinds: P1 to P7, then a blank or a comment. */
static const signature *find_netpbm(const uint8_t *head, size_t n)
{
    static const signature kinds[] = {
        {OTHER, 0, "", "a PBM", MAGICK("pbm")},
        {OTHER, 0, "", "a PGM", MAGICK("pgm")},
        {OTHER, 0, "", "a PPM", MAGICK("ppm")},
        {OTHER, 0, "", "a PAM", MAGICK("pam")},
    };
    if (n < 3 || head[0] != 'P' || head[1] < '1' || head[1] > '7' || !head[2] || !strchr(" \t\r\n#", head[2]))
        return NULL;
    return &kinds[head[1] == '7' ? 3 : (head[1] - '1') % 3];
}

static bool matches(const signature *s, const uint8_t *head, int n)
{
    for (int i = 0; i < n; i++)
        if (s->bytes[i] != '?' && head[i] != (uint8_t)s->bytes[i])
            return false;
    return true;
}

/* What starts with these n bytes; *cut: they are too few, but go with what is read. NULL: nothing that is known. */
static const signature *find(const uint8_t *head, size_t n, bool *cut)
{
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const signature *s = &signatures[i];
        *cut = n < (size_t)s->n;
        if ((!*cut || (s->kind != OTHER && n)) && matches(s, head, *cut ? (int)n : s->n))
            return s;
    }
    *cut = false;
    return find_netpbm(head, n);
}

static bool is_text(const uint8_t *head, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((head[i] < 0x20 && !strchr("\t\n\r\f", head[i])) || head[i] == 0 || head[i] == 0x7f)
            return false;
    return true;
}

/* What the first n bytes of a file say it is: MSEG_OK with *kind, or a refusal. */
static mseg_status sniff(const uint8_t *head, size_t n, mseg_kind *kind, mseg_error *err)
{
    bool cut;
    const signature *found = find(head, n, &cut);
    if (!found && is_text(head, n))
        return mseg_fail(err, MSEG_FORMAT, "not a " READ " (starts like text)");
    if (!found)
        return mseg_fail(err, MSEG_FORMAT, "not a " READ);
    *kind = found->kind;
    if (cut)
        return mseg_fail(err, MSEG_FORMAT, "truncated %s", found->name);
    if (found->convert)
        return mseg_fail(err, MSEG_FORMAT, "%s picture, not a " READ "; convert it, e.g. %s", found->name, found->convert);
    if (found->kind == OTHER)
        return mseg_fail(err, MSEG_FORMAT, "not a " READ " (starts like %s)", found->name);
    return MSEG_OK;
}

mseg_status mseg_source_kind(mseg_source *in, mseg_kind *kind, mseg_error *err)
{
    uint8_t head[MSEG_IMAGE_HEAD];
    size_t n = mseg_source_read(in, head, sizeof head);
    if (mseg_source_failed(in))
        return mseg_fail(err, MSEG_IO, "cannot read");
    if (!n)
        return mseg_fail(err, MSEG_FORMAT, "zero bytes");
    mseg_status status = sniff(head, n, kind, err);
    if (!status && !mseg_source_rewind(in))
        status = mseg_fail(err, MSEG_IO, "cannot read");
    return status;
}

const char *mseg_image_kind(const void *bytes, size_t size)
{
    bool cut;
    const signature *found = find(bytes, size, &cut);
    return found && !cut && found->kind != OTHER ? found->name : NULL;
}
