#!/usr/bin/python3
"""make_goldens.py: writes golden/: small PNG and JPEG files and, beside each, what it shows as .ppm (RGB) or .pgm (labels).
PNG files are composed here from the format's text with zlib and what they show by NumPy; Pillow, where it knows the kind, must
agree. JPEG files are written and read, and pictures resized, by Pillow (9.4 with libjpeg-turbo). Seeded: runs write the same."""
import io
import os
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'golden')
RNG = np.random.default_rng(7)
GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
SAMPLES = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def save(name, data):
    with open(os.path.join(OUT, name), 'wb') as file:
        file.write(data)


def save_pnm(name, pixels):
    kind, ending = (b'P6', '.ppm') if pixels.ndim == 3 else (b'P5', '.pgm')
    save(name + ending, b'%s %d %d 255\n' % (kind, pixels.shape[1], pixels.shape[0]) + pixels.astype(np.uint8).tobytes())


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def pack(samples, depth):
    """Rows of samples [h, w, n] as PNG bytes, each row after a filter byte: row y has filter y % 5."""
    out, above = b'', None
    step = max(1, samples.shape[2] * depth // 8)
    for y, row in enumerate(samples.reshape(samples.shape[0], -1)):
        if depth == 16:
            raw = row.astype('>u2').tobytes()
        else:
            bits = ''.join(format(v, f'0{depth}b') for v in row)
            bits += '0' * (-len(bits) % 8)
            raw = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        above = above or bytes(len(raw))
        kind, coded = y % 5, bytearray()
        for i, value in enumerate(raw):
            a = raw[i - step] if i >= step else 0
            b, c = above[i], above[i - step] if i >= step else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            coded.append(value - [0, a, b, (a + b) // 2, paeth][kind] & 255)
        out += bytes([kind]) + bytes(coded)
        above = raw
    return out


def compose_png(samples, color, depth, interlaced, extra):
    h, w = samples.shape[:2]
    if interlaced:
        parts = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        data = b''.join(pack(p, depth) for p in parts if p.size)
    else:
        data = pack(samples, depth)
    packed = zlib.compress(data)
    half = len(packed) // 2
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, depth, color, 0, 0, interlaced)) + extra
            + chunk(b'IDAT', packed[:half]) + chunk(b'IDAT', packed[half:]) + chunk(b'IEND', b''))


def make_png(color, depth, interlaced, transparent=False):
    samples = RNG.integers(0, 1 << depth, (13, 11, SAMPLES[color]))
    colors = RNG.integers(0, 256, (1 << min(depth, 8), 3)).astype(np.uint8)
    extra = b''
    if color == PALETTE:
        extra = chunk(b'PLTE', colors.tobytes())
        if transparent:
            extra += chunk(b'tRNS', bytes(range(len(colors))))
    elif transparent:
        extra = chunk(b'tRNS', samples[0, 0].astype('>u2').tobytes())
    extra += chunk(b'tEXt', b'Comment\0made by make_goldens.py')
    if color == PALETTE:
        shown = colors[samples[..., 0]]
    else:
        shown = (samples * 510 + (1 << depth) - 1) // (2 * ((1 << depth) - 1))  # 255 * v / max, rounded half up
        shown = np.repeat(shown[..., :1], 3, 2) if color in (GRAY, GRAY_ALPHA) else shown[..., :3]
    data = compose_png(samples, color, depth, interlaced, extra)
    if depth <= 8 and color != GRAY or color == GRAY and depth in (1, 8):
        pillow = Image.open(io.BytesIO(data)).convert('RGBA').convert('RGB')
        assert np.array_equal(np.asarray(pillow), shown), (color, depth, interlaced)
    name = f'png_{color}_{depth}' + ('_interlaced' if interlaced else '') + ('_transparent' if transparent else '')
    save(name + '.png', data)
    save_pnm(name, shown)
    if depth <= 8:
        stored = samples[..., :3] if color in (RGB, RGBA) else samples[..., 0]
        save_pnm(name + '_labels', stored)


def photo(w, h):
    """A smooth picture with an edge, so that JPEG has something to do."""
    y, x = np.mgrid[0:h, 0:w]
    planes = [128 + 100 * np.sin(x / 5 + y / 9), 128 + 90 * np.cos(x / 7 - y / 4), 255 * (x * h > y * w)]
    return np.stack(planes, 2).round().astype(np.uint8)


def encode(image, **options):
    file = io.BytesIO()
    image.save(file, 'JPEG', **options)
    return file.getvalue()


def without_marker(data, code):
    """The JPEG without its markers of that code."""
    at = 2
    while data[at + 1] != 0xda:
        size = 2 + struct.unpack('>H', data[at + 2:at + 4])[0]
        if data[at + 1] == code:
            data = data[:at] + data[at + size:]
        else:
            at += size
    return data


def make_jpeg(name, data):
    save(name + '.jpg', data)
    save_pnm(name, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert('RGB')))


def make_jpegs():
    color = Image.fromarray(photo(37, 29))
    make_jpeg('jpeg_444', encode(color, quality=90, subsampling=0))
    make_jpeg('jpeg_420', encode(color, quality=80, subsampling=2))
    make_jpeg('jpeg_progressive', encode(color, quality=80, progressive=True))
    make_jpeg('jpeg_gray', encode(color.convert('L'), quality=90))
    make_jpeg('jpeg_1x1', encode(color.crop((0, 0, 1, 1))))
    inks = Image.fromarray(np.dstack([photo(37, 29), photo(37, 29)[..., 0] // 2]), 'CMYK')
    adobe = encode(inks, quality=90)
    make_jpeg('jpeg_cmyk_adobe', adobe)
    # Pillow takes every CMYK file for Adobe's, whose values are 255 - ink; without Adobe's marker they are the inks (TensorFlow too).
    save('jpeg_cmyk.jpg', without_marker(adobe, 0xee))
    turned = 255 - np.asarray(Image.open(os.path.join(OUT, 'jpeg_cmyk.jpg')))
    save_pnm('jpeg_cmyk', np.asarray(Image.fromarray(turned, 'CMYK').convert('RGB')))
    flag = adobe.index(b'Adobe') + 11
    make_jpeg('jpeg_ycck', adobe[:flag] + b'\2' + adobe[flag + 1:])


def exif(orientation, order):
    """An Exif block: a TIFF header, one directory of three entries."""
    entries = [(0x100, 4, struct.pack(order + 'I', 37)), (0x112, 3, struct.pack(order + 'HH', orientation, 0)),
               (0x128, 3, struct.pack(order + 'HH', 2, 0))]
    tiff = (b'II' if order == '<' else b'MM') + struct.pack(order + 'HI', 42, 8) + struct.pack(order + 'H', len(entries))
    for tag, kind, value in entries:
        tiff += struct.pack(order + 'HHI', tag, kind, 1) + value
    return b'Exif\0\0' + tiff + bytes(4)


def make_exif():
    color = Image.fromarray(photo(21, 13))
    for orientation in range(1, 9):
        for order in '<>':
            data = encode(color, quality=90, exif=exif(orientation, order))
            make_jpeg(f'exif_{orientation}_{"le" if order == "<" else "be"}', data)
    save_pnm('exif_ignored', np.asarray(Image.open(os.path.join(OUT, 'exif_6_le.jpg')).convert('RGB')))


def turned(shown, orientation):
    """What Pillow makes of a picture with that orientation."""
    file, tag = io.BytesIO(), Image.Exif()
    tag[0x112] = orientation
    Image.fromarray(shown.astype(np.uint8)).save(file, 'PNG', exif=tag)
    return np.asarray(ImageOps.exif_transpose(Image.open(file)))


def make_png_exif():
    """A PNG of each orientation, of different kinds, its eXIf chunk before or behind the picture."""
    rng = np.random.default_rng(11)
    kinds = [(RGB, 8, 0), (RGB, 8, 1), (RGB, 16, 0), (PALETTE, 4, 0), (PALETTE, 8, 1), (GRAY, 8, 0), (RGBA, 16, 1), (GRAY, 2, 0)]
    for orientation, (color, depth, interlaced) in enumerate(kinds, 1):
        samples = rng.integers(0, 1 << depth, (13, 11, SAMPLES[color]))
        colors = rng.integers(0, 256, (1 << min(depth, 8), 3)).astype(np.uint8)
        shown = (samples * 510 + (1 << depth) - 1) // (2 * ((1 << depth) - 1))
        shown = np.repeat(shown, 3, 2) if color == GRAY else shown[..., :3]
        shown = colors[samples[..., 0]] if color == PALETTE else shown
        palette = chunk(b'PLTE', colors.tobytes()) if color == PALETTE else b''
        mark = chunk(b'eXIf', exif(orientation, '<>'[orientation % 2])[6:])
        data = compose_png(samples, color, depth, interlaced, palette + (b'' if orientation in (4, 5, 6) else mark))
        if orientation in (4, 5, 6):
            data = data[:-12] + mark + data[-12:]
        if depth == 8:
            pillow = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert('RGB')
            assert np.array_equal(np.asarray(pillow), turned(shown, orientation)), orientation
        save(f'png_exif_{orientation}.png', data)
        save_pnm(f'png_exif_{orientation}', turned(shown, orientation))
        if color == PALETTE:
            save_pnm(f'png_exif_{orientation}_labels', samples[..., 0])


def noise(w, h, channels):
    """The picture that test_resize.c makes: bytes of a linear congruential generator."""
    state, out = 12345, bytearray()
    for _ in range(w * h * channels):
        state = (state * 1103515245 + 12345) & 0x7fffffff
        out.append(state >> 16 & 255)
    return np.frombuffer(bytes(out), np.uint8).reshape((h, w, channels) if channels == 3 else (h, w))


def make_resizes():
    """Lines: channels, size before, size after, CRC-32 of the pixels after."""
    sizes = [(61, 43, 97, 70), (61, 43, 30, 20), (61, 43, 7, 5), (61, 43, 61, 20), (61, 43, 20, 43), (61, 43, 61, 43),
             (61, 43, 1, 1), (61, 43, 128, 9), (1, 1, 5, 3), (2, 2, 3, 3), (3, 1, 2, 4), (1, 50, 3, 7), (257, 3, 2, 1),
             (300, 200, 299, 199), (500, 375, 513, 385), (375, 500, 385, 513), (640, 480, 513, 385), (500, 375, 257, 193),
             (20, 15, 513, 385), (1000, 7, 3, 513)]
    lines = ''
    for channels in (1, 3):
        for w, h, to_w, to_h in sizes:
            resized = Image.fromarray(noise(w, h, channels)).resize((to_w, to_h), Image.BILINEAR)
            lines += f'{channels} {w} {h} {to_w} {to_h} {zlib.crc32(np.asarray(resized).tobytes())}\n'
    save('resize.txt', lines.encode())


os.makedirs(OUT, exist_ok=True)
for kind, depths in [(GRAY, (1, 2, 4, 8, 16)), (RGB, (8, 16)), (PALETTE, (1, 2, 4, 8)), (GRAY_ALPHA, (8, 16)), (RGBA, (8, 16))]:
    for bits in depths:
        make_png(kind, bits, 0)
        make_png(kind, bits, 1)
for kind, bits in [(GRAY, 2), (GRAY, 8), (GRAY, 16), (RGB, 8), (RGB, 16), (PALETTE, 4)]:
    make_png(kind, bits, 0, True)
make_jpegs()
make_exif()
make_png_exif()
make_resizes()
