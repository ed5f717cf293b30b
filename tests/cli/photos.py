"""The pictures that the CLI tests work on, made by Pillow and by hand; nothing here comes from mseg."""
import os
import struct
import zlib

import numpy as np
from PIL import Image


def picture(width, height, seed):
    """A smooth colourful picture, different for every seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.BICUBIC)


def png_header(width, height):
    """A PNG that announces a size and holds next to nothing."""
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)) +
            chunk(b'IDAT', zlib.compress(b'\0' * 64)) + chunk(b'IEND', b''))


def unmarked(png):
    """The bytes of a PNG without its text, where mseg says of which photo, model and options it comes."""
    rest, parts = png[8:], [png[:8]]
    while rest:
        end = 12 + struct.unpack('>I', rest[:4])[0]
        parts.append(b'' if rest[4:8] == b'tEXt' else rest[:end])
        rest = rest[end:]
    return b''.join(parts)


def write(path, data):
    with open(path, 'wb') as out:
        out.write(data)


def make(folder):
    """good/ has only good pictures, bad/ only bad ones, deep/ subfolders, lists/ lists of paths."""
    for name in ['good', 'bad', 'deep/one/two', 'deep/three', 'empty', 'lists']:
        os.makedirs(os.path.join(folder, name))
    cd = os.path.join
    picture(40, 30, 1).save(cd(folder, 'good/a.png'))
    picture(33, 65, 2).save(cd(folder, 'good/b.jpg'), quality=90)
    picture(20, 20, 3).convert('L').save(cd(folder, 'good/c.JPEG'))
    picture(1, 1, 4).save(cd(folder, 'good/one.PNG'))
    write(cd(folder, 'good/notes.txt'), b'not a picture\n')
    picture(16, 16, 5).save(cd(folder, 'good/.hidden.png'))

    write(cd(folder, 'bad/zero.png'), b'')
    write(cd(folder, 'bad/text.jpg'), b'This is not a picture.\n')
    for name, where in [('cut.png', 'good/a.png'), ('short.jpg', 'good/b.jpg')]:
        with open(cd(folder, where), 'rb') as whole:
            data = whole.read()
        write(cd(folder, 'bad', name), data[:len(data) * 2 // 3])
    write(cd(folder, 'bad/huge.png'), png_header(20000, 20000))
    os.symlink('nowhere.png', cd(folder, 'bad/dangling.png'))
    os.mkfifo(cd(folder, 'bad/pipe.jpg'))
    os.mkdir(cd(folder, 'bad/folder.jpg'))

    picture(24, 16, 6).save(cd(folder, 'deep/top.png'))
    picture(24, 16, 7).save(cd(folder, 'deep/one/x.png'))
    picture(16, 24, 8).save(cd(folder, 'deep/one/two/x.jpg'))
    os.symlink('..', cd(folder, 'deep/three/up'))
    write(cd(folder, 'lists/crlf.txt'), b'good/a.png\r\n\r\n\n  \ngood/b.jpg\r\nmissing.png')
    write(cd(folder, 'file'), b'a file where a folder should be\n')
    write(cd(folder, 'broken.tflite'), b'TFL3 but no model\n')
