#!/usr/bin/python3
"""docs/architecture-picture.py: makes docs/architecture.png: a block as a pass of three stages with rings between them, and its two
passes at atrous rate 2. Needs Debian's fonts-dejavu-core."""
import os

from PIL import Image, ImageDraw, ImageFont

HERE = os.path.dirname(os.path.abspath(__file__))
FONTS = '/usr/share/fonts/truetype/dejavu/DejaVuSans'
SIZE, FINE = (1000, 624), 3  # drawn FINE times as large, then made small
ROWS = 9
INK, GREY, WHITE = '#1f2933', '#7b8794', '#ffffff'
BLUE, ORANGE = ('#9cc9f2', '#2f7fc4'), ('#fbc58a', '#d9730d')  # a row that is there, a row in work
STAGE = '#f5f0ff', '#6d4fb3'


class Page:
    def __init__(self):
        self.image = Image.new('RGB', [side * FINE for side in SIZE], WHITE)
        self.draw = ImageDraw.Draw(self.image)

    def text(self, x, y, text, size=13, colour=INK, anchor='mm', bold=False):
        font = ImageFont.truetype(FONTS + ('-Bold.ttf' if bold else '.ttf'), size * FINE)
        self.draw.multiline_text((x * FINE, y * FINE), text, colour, font, anchor, 4 * FINE, 'left' if anchor[0] == 'l' else 'center')

    def box(self, x, y, w, h, fill, line=GREY, width=1.0, radius=0):
        self.draw.rounded_rectangle([side * FINE for side in (x, y, x + w, y + h)], radius * FINE, fill, line, round(width * FINE))

    def arrow(self, x0, y0, x1, y1, colour=INK, width=1.6, head=True):
        """Level, or a curve that leaves and arrives level."""
        points = []
        for i in range(41):
            at = i / 40
            points.append(((x0 + (x1 - x0) * at) * FINE, (y0 + (y1 - y0) * (3 * at ** 2 - 2 * at ** 3)) * FINE))
        self.draw.line(points, colour, round(width * FINE), 'curve')
        if head:
            self.head(colour, (x1 + 2, y1), (x1 - 7, y1 - 4.5), (x1 - 7, y1 + 4.5))

    def head(self, colour, *points):
        self.draw.polygon([(x * FINE, y * FINE) for x, y in points], colour)

    def request(self, x0, x1, y, top, text):
        """What the stage at x0 wants of the one at x1, over their heads."""
        self.draw.line([(x * FINE, z * FINE) for x, z in ((x0, y), (x0, top), (x1, top), (x1, y - 4))], GREY, round(1.2 * FINE))
        self.head(GREY, (x1, y), (x1 - 4, y - 8), (x1 + 4, y - 8))
        self.text((x0 + x1) / 2, top - 10, text, 12, GREY)

    def rows(self, x, y, width, height, fills, numbers):
        """A stack of rows; fills: their colours, numbers: what stands in them."""
        for i, fill in enumerate(fills):
            self.box(x, y + i * height, width, height, fill, GREY, 0.8)
            dark = fill in (BLUE[1], ORANGE[1])
            self.text(x + width / 2, y + (i + 0.5) * height, str(numbers[i]), 11, WHITE if dark else GREY if fill == WHITE else INK)

    def ring(self, x, middle, width, height, fills, numbers):
        """Its rows, and the way back from the last slot to the first."""
        y = middle - len(fills) * height / 2
        self.rows(x, y, width, height, fills, [f'row {n}' for n in numbers])
        right, first, last = x + width, y + height / 2, middle + (len(fills) - 1) * height / 2
        self.draw.arc([side * FINE for side in (right - 9, first, right + 9, last)], -90, 90, INK, round(1.3 * FINE))
        self.head(INK, (right + 1, first), (right + 7, first - 4), (right + 7, first + 4))

    def stage(self, x, middle, w, h, text, size=13):
        self.box(x, middle - h / 2, w, h, STAGE[0], STAGE[1], 1.4, 6)
        self.text(x + w / 2, middle, text, size)


def one_pass(p):
    """A block in the moment when it has made output rows 4 and 5."""
    there, work = BLUE
    row, top, middle = 20, 78, 178
    p.text(20, 22, 'One pass: three stages, and rings of a few rows between them', 17, anchor='lm', bold=True)
    p.text(20, 46, 'Output rows 4 and 5 have just been made, at stride 1. Dark: written for them; light: written before; white: not yet.', 13,
           GREY, 'lm')
    p.rows(32, top, 46, row, [there] * ROWS, range(ROWS))
    p.text(55, top + ROWS * row + 22, 'input, whole\n24 channels')
    p.stage(128, middle, 84, 52, 'expand\n1 x 1')
    p.ring(262, middle, 150, row, [there, work, work, there], [4, 5, 6, 3])
    p.text(257, middle - 2.5 * row, 'slot', 10, GREY, 'rm')
    for slot in range(4):
        p.text(257, middle + (slot - 1.5) * row, str(slot), 10, GREY, 'rm')
    p.text(337, middle + 2 * row + 28, 'ring of 4 slots, 144 channels:\nrow y is in slot y % 4, over row y - 4')
    p.stage(466, middle, 92, 52, 'depthwise\n3 x 3')
    p.ring(606, middle, 150, row, [work, work], [4, 5])
    p.text(681, middle + row + 28, 'ring of 2 slots,\n144 channels')
    p.stage(802, middle, 78, 52, 'project\n1 x 1')
    p.rows(922, top, 46, row, [there] * 4 + [work] * 2 + [WHITE] * 3, range(ROWS))
    p.text(945, top + ROWS * row + 22, 'output, whole\n24 channels')
    p.request(841, 522, middle - 28, 110, 'needs rows 4 and 5')
    p.request(502, 170, middle - 28, 110, 'needs rows 3 to 6; 3 and 4 are there')
    p.arrow(80, top + 6 * row, 124, middle)
    p.arrow(884, middle, 918, top + 5 * row)
    for x0, x1 in ((216, 238), (428, 462), (562, 602), (772, 798)):
        p.arrow(x0, middle, x1, middle)


def two_passes(p):
    """The rows of one map divided into two classes."""
    row, top = 20, 414
    alternate = [(BLUE, ORANGE)[y % 2][0] for y in range(ROWS)]
    p.text(20, 340, 'Atrous rate 2: two row classes, a pass for each', 17, anchor='lm', bold=True)
    p.text(20, 364, 'An output row needs input rows of its own class only: y - 2, y, y + 2. In its pass they are neighbours, and rings stay as '
           'small', 13, GREY, 'lm')
    p.text(20, 382, 'as at rate 1. Two threads take a pass each, and make no row twice.', 13, GREY, 'lm')
    p.rows(32, top, 46, row, alternate, range(ROWS))
    p.rows(922, top, 46, row, alternate, range(ROWS))
    p.text(55, top + ROWS * row + 14, 'input, whole')
    p.text(945, top + ROWS * row + 14, 'output, whole')
    for c, (there, work) in enumerate((BLUE, ORANGE)):
        middle = top + 40 + 106 * c
        own = range(c, ROWS, 2)
        p.text(500, middle - 48, f'pass {c}: rows ' + ', '.join(map(str, own)), 13, work, bold=True)
        for y in own:
            level = top + (y + 0.5) * row
            p.arrow(80, level, 160, middle, work, 0.9, False)
            p.arrow(844, middle, 916, level, work, 0.9, False)
            p.head(work, (920, level), (913, level - 3), (913, level + 3))
        p.stage(160, middle, 72, 36, 'expand', 12)
        p.ring(286, middle, 110, 17, [there] * 4, [[8, 2, 4, 6], [1, 3, 5, 7]][c])
        p.stage(462, middle, 84, 36, 'depthwise', 12)
        p.ring(604, middle, 110, 17, [there] * 2, [4 + c, 6 + c])
        p.stage(772, middle, 72, 36, 'project', 12)
        for x0, x1 in ((236, 282), (412, 458), (550, 600), (730, 768)):
            p.arrow(x0, middle, x1, middle, work)


def main():
    page = Page()
    one_pass(page)
    two_passes(page)
    small = page.image.resize(SIZE, Image.LANCZOS)
    small.quantize(192, dither=Image.NONE).save(f'{HERE}/architecture.png', optimize=True)


if __name__ == '__main__':
    main()
