#ifndef MSEG_SEG_DRAW_PALETTE_DATA_H
#define MSEG_SEG_DRAW_PALETTE_DATA_H

/* A built-in palette: the text of a file in palettes/. */
typedef struct mseg_palette_text {
    const char *name, *text;
} mseg_palette_entry;

/* In order of name, ended by a row of NULLs. palettes/embed.cmake writes it at build time. */
extern const mseg_palette_entry mseg_palette_texts[];

#endif
