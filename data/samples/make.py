#!/usr/bin/python3
"""Draws the samples beside it: small scenes of our own, so that a demo without photos has something to segment. Needs Pillow
and NumPy; drawn four times as large and scaled down."""
import math
import os

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SCALE = 4


def canvas(width, height, top, bottom):
    """A vertical gradient with a little grain."""
    t = np.linspace(0, 1, height * SCALE)[:, None, None]
    rows = np.array(top) * (1 - t) + np.array(bottom) * t
    grain = np.random.default_rng(7).normal(0, 3, (height * SCALE, width * SCALE, 1))
    return Image.fromarray(np.clip(rows + grain, 0, 255).astype(np.uint8))


def scaled(points):
    return [(x * SCALE, y * SCALE) for x, y in points]


def cloud(image, x, y, size):
    layer = Image.new('L', image.size)
    draw = ImageDraw.Draw(layer)
    for dx, dy, r in [(0, 0, 1), (-1.1, .3, .7), (1.1, .25, .8), (.5, -.5, .7)]:
        box = [x + (dx - r) * size, y + (dy - r * .6) * size, x + (dx + r) * size, y + (dy + r * .6) * size]
        draw.ellipse([v * SCALE for v in box], fill=200)
    image.paste((250, 250, 252), mask=layer.filter(ImageFilter.GaussianBlur(size * SCALE / 5)))


def airliner():
    image = canvas(400, 260, (70, 120, 190), (190, 215, 240))
    cloud(image, 80, 200, 40)
    cloud(image, 320, 60, 34)
    draw = ImageDraw.Draw(image)
    dark, body, shade = (120, 125, 135), (236, 238, 242), (170, 176, 188)
    draw.polygon(scaled([(205, 122), (240, 120), (300, 66), (284, 64)]), fill=dark)         # far wing
    draw.rounded_rectangle([v * SCALE for v in (86, 112, 330, 142)], 15 * SCALE, fill=body)  # fuselage
    draw.polygon(scaled([(60, 120), (100, 113), (100, 141), (78, 134)]), fill=body)
    draw.polygon(scaled([(300, 114), (326, 112), (356, 66), (336, 66)]), fill=(40, 70, 150))  # fin
    draw.polygon(scaled([(306, 124), (332, 124), (362, 108), (350, 106)]), fill=shade)
    draw.polygon(scaled([(86, 134), (330, 134), (318, 142), (100, 142)]), fill=shade)
    draw.polygon(scaled([(170, 132), (232, 132), (312, 190), (292, 192)]), fill=(150, 156, 168))  # near wing
    for x in (218, 250):
        draw.rounded_rectangle([v * SCALE for v in (x - 20, 156 + (x - 218) * .7, x + 8, 168 + (x - 218) * .7)], 6 * SCALE, fill=dark)
    for x in range(112, 300, 9):
        draw.ellipse([v * SCALE for v in (x, 121, x + 4, 126)], fill=(50, 60, 80))
    return image


def monitor():
    image = canvas(320, 280, (205, 196, 180), (188, 178, 160))
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, 225 * SCALE, 320 * SCALE, 280 * SCALE], fill=(122, 84, 52))
    draw.polygon(scaled([(120, 246), (200, 246), (188, 234), (132, 234)]), fill=(24, 24, 26))
    draw.rectangle([v * SCALE for v in (150, 205, 170, 240)], fill=(30, 30, 32))
    draw.rounded_rectangle([v * SCALE for v in (50, 50, 270, 212)], 6 * SCALE, fill=(18, 18, 20))
    screen = canvas(200, 138, (30, 70, 140), (90, 160, 210))
    image.paste(screen, (60 * SCALE, 60 * SCALE))
    draw.rectangle([v * SCALE for v in (70, 72, 150, 140)], fill=(235, 235, 238))
    draw.rectangle([v * SCALE for v in (70, 72, 150, 80)], fill=(70, 110, 190))
    for y in range(88, 136, 8):
        draw.line(scaled([(76, y), (142 - y % 3 * 12, y)]), fill=(150, 150, 155), width=2 * SCALE)
    return image


def bottle():
    image = canvas(200, 300, (226, 222, 214), (200, 194, 182))
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, 255 * SCALE, 200 * SCALE, 300 * SCALE], fill=(142, 104, 70))
    outline = [(86, 40), (86, 100), (62, 130), (62, 268), (138, 268), (138, 130), (114, 100), (114, 40)]
    draw.polygon(scaled(outline), fill=(22, 66, 38))
    draw.rounded_rectangle([v * SCALE for v in (62, 240, 138, 274)], 8 * SCALE, fill=(22, 66, 38))
    draw.rectangle([v * SCALE for v in (84, 34, 116, 62)], fill=(120, 20, 30))
    draw.rectangle([v * SCALE for v in (62, 160, 138, 228)], fill=(238, 230, 206))
    draw.rectangle([v * SCALE for v in (70, 172, 130, 178)], fill=(130, 30, 30))
    for y in (190, 200, 210):
        draw.line(scaled([(74, y), (126, y)]), fill=(90, 80, 70), width=2 * SCALE)
    draw.polygon(scaled([(70, 134), (76, 128), (76, 156), (70, 156)]), fill=(120, 170, 130))
    draw.line(scaled([(91, 64), (91, 98)]), fill=(120, 170, 130), width=3 * SCALE)
    return image


def sailing_boat():
    image = canvas(360, 280, (120, 170, 220), (215, 230, 240))
    sea = canvas(360, 110, (40, 90, 130), (20, 55, 90))
    image.paste(sea, (0, 170 * SCALE))
    draw = ImageDraw.Draw(image)
    rng = np.random.default_rng(3)
    for _ in range(220):
        x, y = rng.uniform(0, 360), rng.uniform(176, 278)
        length = (y - 160) / 9
        draw.line(scaled([(x, y), (x + length, y + math.sin(x))]), fill=(80, 130, 165), width=SCALE)
    draw.polygon(scaled([(176, 30), (176, 188), (88, 188)]), fill=(246, 246, 242))
    draw.polygon(scaled([(184, 44), (184, 186), (246, 186)]), fill=(228, 230, 230))
    draw.rectangle([v * SCALE for v in (177, 20, 182, 200)], fill=(90, 62, 40))
    draw.polygon(scaled([(80, 196), (286, 192), (262, 226), (104, 226)]), fill=(150, 34, 36))
    draw.polygon(scaled([(80, 196), (286, 192), (283, 199), (83, 203)]), fill=(240, 240, 240))
    return image


for draw_it, name in [(airliner, 'airliner.jpg'), (monitor, 'monitor.png'), (bottle, 'bottle.jpg'), (sailing_boat, 'boat.png')]:
    big = draw_it().filter(ImageFilter.GaussianBlur(SCALE / 2))
    small = big.resize((big.width // SCALE, big.height // SCALE), Image.LANCZOS)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    small.save(path, **({'quality': 88} if name.endswith('.jpg') else {'optimize': True}))
