#!/usr/bin/python3
"""make_kinds.py: writes to golden/ small WebP and TIFF files and, beside each, what it shows as .ppm. TIFF files are composed here
from the format's text with zlib, and what they show by NumPy; Pillow, where it knows the kind, must agree. WebP files, and TIFF
files in other people's compressions, are written and read by Pillow (9.4 with libwebp 1.2 and libtiff 4.5). Runs write the same."""
import io
import os
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'golden')
WHITE_IS_0, BLACK_IS_0, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
SHORT, LONG, LONG8 = 3, 4, 16
RNG = np.random.default_rng(17)


def save(name, data):
    with open(os.path.join(OUT, name), 'wb') as file:
        file.write(data)


def save_shown(name, pixels):
    save(name + '.ppm', b'P6 %d %d 255\n' % (pixels.shape[1], pixels.shape[0]) + np.ascontiguousarray(pixels, np.uint8).tobytes())


def photo(w, h):
    """A smooth picture with an edge, so that lossy kinds have something to do."""
    y, x = np.mgrid[0:h, 0:w]
    planes = [128 + 100 * np.sin(x / 5 + y / 9), 128 + 90 * np.cos(x / 7 - y / 4), 255 * (x * h > y * w)]
    return np.stack(planes, 2).round().astype(np.uint8)


def shown_by_pillow(data):
    image = Image.open(io.BytesIO(data))
    return np.asarray((image if image.format == 'TIFF' else ImageOps.exif_transpose(image)).convert('RGB'))  # loading a TIFF turns it


# ---- TIFF ----

def pack(samples, bits, order):
    """Samples [rows, w, n] as bytes, each row from a new byte on."""
    rows = samples.reshape(samples.shape[0], -1)
    if bits >= 8:
        return rows.astype(f'{order}u{bits // 8}').tobytes()
    text = [''.join(format(v, f'0{bits}b') for v in row) for row in rows]
    text = [row + '0' * (-len(row) % 8) for row in text]
    return b''.join(bytes(int(row[i:i + 8], 2) for i in range(0, len(row), 8)) for row in text)


def blocks(samples, rows, tile, separate):
    """The parts that are stored one by one: strips of rows, or tiles filled up with 0; of each plane if they are separate."""
    for plane in range(samples.shape[2]) if separate else [slice(None)]:
        part = samples[..., plane:plane + 1] if separate else samples
        if not tile:
            yield from (part[y:y + rows] for y in range(0, part.shape[0], rows))
            continue
        for y in range(0, part.shape[0], tile):
            for x in range(0, part.shape[1], tile):
                whole = np.zeros((tile, tile, part.shape[2]), part.dtype)
                piece = part[y:y + tile, x:x + tile]
                whole[:piece.shape[0], :piece.shape[1]] = piece
                yield whole


def compose_tiff(samples, bits, photometric, order='<', rows=5, tile=0, separate=False, deflate=False, big=False, tags=()):
    h, w, n = samples.shape
    stored = [pack(block, bits, order) for block in blocks(samples, rows, tile, separate)]
    stored = [zlib.compress(block) for block in stored] if deflate else stored
    entries = {256: (LONG, [w]), 257: (LONG, [h]), 258: (SHORT, [bits] * n), 259: (SHORT, [8 if deflate else 1]),
               262: (SHORT, [photometric]), 277: (SHORT, [n]), 284: (SHORT, [2 if separate else 1])}
    entries.update({322: (SHORT, [tile]), 323: (SHORT, [tile])} if tile else {278: (LONG, [rows])})
    entries.update(tags)
    offsets, sizes = (324, 325) if tile else (273, 279)
    kind, word, count = (LONG8, 8, 'HHQ') if big else (LONG, 4, 'HHI')
    data = bytearray((b'II' if order == '<' else b'MM') + struct.pack(order + ('HHHQ' if big else 'HI'), *((43, 8, 0, 0) if big else (42, 0))))
    places = []
    for block in stored:
        places.append(len(data))
        data += block + b'\0' * (len(block) % 2)
    entries[offsets], entries[sizes] = (kind, places), (kind, [len(block) for block in stored])
    directory = struct.pack(order + ('Q' if big else 'H'), len(entries))
    for tag, (what, values) in sorted(entries.items()):
        value = struct.pack(order + {SHORT: 'H', LONG: 'I', LONG8: 'Q'}[what] * len(values), *values)
        if len(value) > word:
            at = struct.pack(order + ('Q' if big else 'I'), len(data))
            data += value + b'\0' * (len(value) % 2)
            value = at
        directory += struct.pack(order + count, tag, what, len(values)) + value.ljust(word, b'\0')
    data[8 if big else 4:16 if big else 8] = struct.pack(order + ('Q' if big else 'I'), len(data))
    return bytes(data + directory + bytes(word))


def to_8(samples, bits):
    """255 * v / max, rounded half up."""
    most = (1 << bits) - 1
    return (samples.astype(np.int64) * 510 + most) // (2 * most)


def shows(samples, bits, photometric, palette, alpha):
    values = to_8(samples, bits)
    if photometric == PALETTE:
        return palette[samples[..., 0]]
    if photometric == CMYK:
        light = 255 - values[..., 3:4]
        product = values[..., :3] * light
        return light - (2 * product + 255) // 510  # rounded
    if photometric in (WHITE_IS_0, BLACK_IS_0):
        values = np.repeat(255 - values[..., :1] if photometric == WHITE_IS_0 else values[..., :1], 3, 2)
    elif alpha == 1:
        return np.minimum(255, 255 * values[..., :3] // np.maximum(values[..., 3:4], 1)) * (values[..., 3:4] > 0)
    return values[..., :3]


def make_tiff(name, bits, photometric, n, pillow=True, alpha=None, narrow=False, size=(37, 29), orientation=1, **options):
    w, h = size
    samples = RNG.integers(0, 1 << bits, (h, w, n))
    tags, palette = [], None
    if alpha is not None:
        tags.append((338, (SHORT, [alpha] * (n - {RGB: 3, BLACK_IS_0: 1, CMYK: 4}[photometric]))))
        if alpha == 1:
            samples[..., :3] = samples[..., :3] * samples[..., 3:] // ((1 << bits) - 1)
    if photometric == PALETTE:
        palette = RNG.integers(0, 256, (1 << bits, 3))
        tags.append((320, (SHORT, [int(v) * (1 if narrow else 257) for v in palette.T.ravel()])))
    if orientation > 1:
        tags.append((274, (SHORT, [orientation])))
    data = compose_tiff(samples, bits, photometric, tags=tags, **options)
    shown = shows(samples, bits, photometric, palette, alpha)
    if orientation > 1:
        exif = Image.Exif()
        exif[0x112] = orientation
        file = io.BytesIO()
        Image.fromarray(shown.astype(np.uint8)).save(file, 'PNG', exif=exif)
        shown = np.asarray(ImageOps.exif_transpose(Image.open(file)))
    if pillow:
        assert np.array_equal(shown_by_pillow(data), shown), name
    save(name + '.tif', data)
    save_shown(name, shown)


def pillow_tiff(name, image, **options):
    file = io.BytesIO()
    image.save(file, 'TIFF', **options)
    save(name + '.tif', file.getvalue())
    save_shown(name, shown_by_pillow(file.getvalue()))


def make_tiffs():
    for bits in (1, 2, 4, 8):
        make_tiff(f'tiff_gray_{bits}', bits, BLACK_IS_0, 1, order='<>'[bits % 4 == 0])
    make_tiff('tiff_gray_16', 16, BLACK_IS_0, 1, pillow=False, order='>')
    make_tiff('tiff_white_1', 1, WHITE_IS_0, 1)
    make_tiff('tiff_white_8', 8, WHITE_IS_0, 1)
    make_tiff('tiff_white_16', 16, WHITE_IS_0, 1, pillow=False)
    make_tiff('tiff_gray_alpha', 8, BLACK_IS_0, 2, alpha=2)
    make_tiff('tiff_palette_4', 4, PALETTE, 1)
    make_tiff('tiff_palette_8', 8, PALETTE, 1, deflate=True, tile=16)
    make_tiff('tiff_palette_narrow', 8, PALETTE, 1, pillow=False, narrow=True)
    make_tiff('tiff_rgb', 8, RGB, 3)
    make_tiff('tiff_rgb_deflate', 8, RGB, 3, deflate=True, order='>')
    make_tiff('tiff_rgb_one_strip', 8, RGB, 3, deflate=True, rows=0xffffffff)
    make_tiff('tiff_rgb_tiles', 8, RGB, 3, tile=16)
    make_tiff('tiff_rgb_separate', 8, RGB, 3, separate=True)
    make_tiff('tiff_rgb_separate_tiles', 8, RGB, 3, separate=True, tile=16, deflate=True, pillow=False)
    make_tiff('tiff_rgb_separate_16', 16, RGB, 3, separate=True, order='>', pillow=False)
    make_tiff('tiff_rgb_16', 16, RGB, 3, pillow=False)
    make_tiff('tiff_rgb_16_tiles', 16, RGB, 3, pillow=False, tile=32, order='>')
    make_tiff('tiff_rgba', 8, RGB, 4, alpha=2)
    make_tiff('tiff_rgba_associated', 8, RGB, 4, alpha=1)
    make_tiff('tiff_rgba_separate', 8, RGB, 4, alpha=1, separate=True, pillow=False)
    make_tiff('tiff_rgb_extras', 8, RGB, 5, alpha=0, pillow=False)
    make_tiff('tiff_cmyk', 8, CMYK, 4)
    make_tiff('tiff_big', 8, RGB, 3, pillow=False, big=True)
    make_tiff('tiff_1x1', 8, RGB, 3, size=(1, 1))
    for orientation in range(1, 9):
        kind = {'tile': 16} if orientation % 2 else {}
        make_tiff(f'tiff_turned_{orientation}', 8, RGB, 3, size=(21, 13), orientation=orientation, **kind)
    color = Image.fromarray(photo(37, 29))
    for compression in ('tiff_lzw', 'packbits', 'tiff_adobe_deflate', 'lzma', 'zstd'):
        pillow_tiff('tiff_by_' + compression, color, compression=compression)
    pillow_tiff('tiff_by_jpeg', color, compression='jpeg', quality=90)
    pillow_tiff('tiff_by_jpeg_ycc', color.convert('YCbCr'), compression='jpeg', quality=90)
    pillow_tiff('tiff_by_jpeg_gray', color.convert('L'), compression='jpeg', quality=90)
    for compression in ('group3', 'group4'):
        pillow_tiff('tiff_by_' + compression, color.convert('1'), compression=compression)
    pillow_tiff('tiff_ycc', color.convert('YCbCr'), compression='tiff_lzw')
    pillow_tiff('tiff_two_pages', color, save_all=True, append_images=[Image.new('RGB', (5, 7))])


# ---- WebP ----

def make_webp(name, image, **options):
    file = io.BytesIO()
    image.save(file, 'WEBP', **options)
    save(name + '.webp', file.getvalue())
    save_shown(name, shown_by_pillow(file.getvalue()))
    return file.getvalue()


def make_webps():
    color = Image.fromarray(photo(37, 29))
    alpha = Image.fromarray(np.dstack([photo(37, 29), RNG.integers(0, 256, (29, 37))]).astype(np.uint8), 'RGBA')
    make_webp('webp_lossy', color, quality=80)
    make_webp('webp_lossy_alpha', alpha, quality=80, exact=True)
    make_webp('webp_lossless', color, lossless=True)
    assert np.array_equal(shown_by_pillow(open(os.path.join(OUT, 'webp_lossless.webp'), 'rb').read()), photo(37, 29))
    make_webp('webp_lossless_alpha', alpha, lossless=True, exact=True)
    make_webp('webp_1x1', color.crop((0, 0, 1, 1)), lossless=True)
    frames = [Image.fromarray(np.roll(photo(37, 29), 9 * i, 1)) for i in range(3)]
    make_webp('webp_animated', frames[0], save_all=True, append_images=frames[1:], lossless=True)
    # The first frame moved into a canvas of 47 x 39: only there the picture is.
    data = bytearray(open(os.path.join(OUT, 'webp_animated.webp'), 'rb').read())
    data[24:30] = (46).to_bytes(3, 'little') + (38).to_bytes(3, 'little')
    at = data.index(b'ANMF') + 8
    data[at:at + 6] = (3).to_bytes(3, 'little') + (4).to_bytes(3, 'little')
    save('webp_animated_part.webp', bytes(data))
    shown = np.zeros((39, 47, 3), np.uint8)
    shown[8:37, 6:43] = photo(37, 29)
    assert np.array_equal(shown_by_pillow(bytes(data)), shown)
    save_shown('webp_animated_part', shown)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        image = Image.fromarray(photo(21, 13))
        make_webp(f'webp_exif_{orientation}', image, lossless=orientation % 2 == 0, quality=80,
                  exif=exif.tobytes()[0 if orientation > 4 else 6:])


make_tiffs()
make_webps()
