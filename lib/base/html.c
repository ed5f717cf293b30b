#include "base/html.h"

static const char common_css[] =
    ":root{--bg:#f6f7f9;--card:#fff;--ink:#1b1f24;--soft:#5a6570;--line:#e1e5ea;--accent:#0b6e8f;--hit:11 110 143;--miss:196 72 "
    "20;--warn:#fff4dc;--warn-line:#e0a93a}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171b;--card:#1d2126;--ink:#e8ecf0;--soft:#a1adb8;--line:#333a42;--accent:"
    "#4db6d6;--hit:77 182 214;--miss:255 140 82;--warn:#3a3018;--warn-line:#a57c22}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto "
    "Sans\",\"DejaVu Sans\",sans-serif;-webkit-text-size-adjust:100%}\n"
    "main{max-width:1120px;margin:0 auto;padding:24px 20px 48px}\n"
    "h1{font-size:1.15rem;font-weight:600;margin:0 0 12px;color:var(--soft)}\n"
    "h2{font-size:1.2rem;margin:0 0 10px}\n"
    "h3{font-size:1rem;margin:18px 0 8px}\n"
    "h4{font-size:.9rem;margin:0 0 6px;overflow-wrap:anywhere}\n"
    "h4 span{font-weight:400;color:var(--soft);margin-left:.6em}\n"
    "section,header{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:20px;margin:0 0 16px}\n"
    ".headline{display:flex;flex-wrap:wrap;gap:20px 40px;align-items:center}\n"
    ".main{display:flex;flex-direction:column}\n"
    ".label{font-weight:600}\n"
    ".big{font-size:3.4rem;line-height:1.1;font-weight:700;color:var(--accent);font-variant-numeric:tabular-nums}\n"
    ".big small{font-size:1.5rem;font-weight:500;margin-left:.15em}\n"
    ".sub,.hint{color:var(--soft);font-size:.87rem}\n"
    ".hint{margin:8px 0}\n"
    ".tiles{flex:1 1 340px;display:grid;grid-template-columns:repeat(auto-fit,minmax(132px,1fr));gap:10px;margin:0}\n"
    ".tile{border:1px solid var(--line);border-radius:9px;padding:10px 12px}\n"
    ".tile dt{color:var(--soft);font-size:.82rem}\n"
    ".tile dd{margin:0;font-size:1.35rem;font-weight:600;font-variant-numeric:tabular-nums}\n"
    ".tile dd::after{content:\"\\2009%\";font-size:.8em;font-weight:400;color:var(--soft)}\n"
    ".notes{list-style:none;margin:16px 0 0;padding:10px 14px;background:var(--warn);border:1px solid "
    "var(--warn-line);border-radius:9px;font-size:.9rem}\n"
    ".notes .warning{font-weight:600}\n"
    ".scroll{overflow-x:auto;max-width:100%}\n"
    ".scroll:focus-visible{outline:2px solid var(--accent);outline-offset:2px}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}\n"
    "#classes{width:100%}\n"
    "#classes th,#classes td{padding:4px 10px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}\n"
    "#classes th:first-child{text-align:left;font-weight:500}\n"
    "#classes thead th{font-size:.8rem;font-weight:600;color:var(--soft)}\n"
    "#classes tbody tr:last-child>*{border-bottom:0}\n"
    "#classes td.iou{font-weight:600;padding-right:4px}\n"
    "#classes td.barcell{width:34%;min-width:90px}\n"
    ".bar{display:block;height:9px;border-radius:0 5px 5px 0;background:var(--accent);min-width:1px}\n"
    ".absent{color:var(--soft)}\n"
    ".absent .bar{display:none}\n"
    ".dot,.key{display:inline-block;width:.8em;height:.8em;border-radius:3px;margin-right:.5em;vertical-align:-.05em;border:1px "
    "solid rgb(128 128 128/.55)}\n"
    ".key{margin-right:.35em}\n"
    ".nowrap{white-space:nowrap}\n"
    ".key.hit{background:rgb(var(--hit))}\n"
    ".key.miss{background:rgb(var(--miss))}\n"
    "#readout{margin:0 0 8px;min-height:1.6em;font-weight:600;font-variant-numeric:tabular-nums}\n"
    "#matrix th{font-weight:400;font-size:.76rem;color:var(--soft);padding:0 6px;white-space:nowrap}\n"
    "#matrix tbody th{text-align:right;position:sticky;left:0;background:var(--card)}\n"
    "#matrix thead th{vertical-align:bottom;padding:0 0 6px}\n"
    "#matrix thead span{writing-mode:vertical-rl;transform:rotate(180deg);line-height:1.2;display:inline-block}\n"
    "#matrix{width:100%;max-width:calc(9rem + var(--n)*46px)}\n"
    "#matrix tbody th{width:1%}\n"
    "#matrix tbody td{min-width:20px;height:26px;padding:0;border:1px solid var(--card);background:rgb(var(--miss)/"
    "var(--a,.025))}\n"
    "#matrix tbody td.hit{background:rgb(var(--hit)/var(--a,.025))}\n"
    "#matrix tbody td:hover,#matrix td.on{outline:2px solid var(--ink);outline-offset:-2px}\n"
    ".spread{display:flex;align-items:flex-end;gap:2px;height:72px;max-width:560px;border-bottom:1px solid var(--soft)}\n"
    ".spread i{flex:1;background:var(--accent);border-radius:3px 3px 0 0}\n"
    ".axis{display:flex;justify-content:space-between;max-width:560px;color:var(--soft);font-size:.76rem}\n"
    ".legend{display:flex;flex-wrap:wrap;gap:4px 20px;font-size:.87rem;margin:8px 0}\n"
    ".example{margin:0 0 16px}\n"
    ".strip{display:grid;grid-template-columns:repeat(4,1fr);gap:8px}\n"
    ".strip.three{grid-template-columns:repeat(3,1fr)}\n"
    "figure{margin:0;min-width:0}\n"
    "figure img{display:block;width:100%;height:auto;border-radius:6px}\n"
    "figcaption{font-size:.78rem;color:var(--soft);text-align:center;margin-top:2px}\n"
    ".images{columns:2 220px;padding-left:1.6em;margin:0}\n"
    ".images span{color:var(--soft)}\n"
    "pre{background:var(--bg);border:1px solid var(--line);border-radius:8px;padding:10px 12px;margin:0 0 "
    "12px;font-size:.85rem}\n"
    ".settings{display:grid;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:6px 24px;margin:0;font-size:.9rem}\n"
    ".settings div{display:flex;gap:.6em;justify-content:space-between;border-bottom:1px solid var(--line)}\n"
    ".settings dt{color:var(--soft)}\n"
    ".settings dd{margin:0;overflow-wrap:anywhere;text-align:right}\n"
    "@media(max-width:640px){main{padding:10px 8px 32px}section,header{padding:14px "
    "12px}.strip{grid-template-columns:repeat(2,1fr)}"
    ".big{font-size:2.8rem}.strip.three{grid-template-columns:repeat(3,1fr)}#classes{font-size:.85rem}#classes th,#classes "
    "td{padding:4px 5px}#classes td.barcell{min-width:44px}#matrix tbody td{height:20px}}\n"
    "@media print{body{background:#fff}section,header{break-inside:avoid-page}}\n";

void mseg_html_text(FILE *file, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            fputs(entity, file);
        else
            fputc(*text, file);
    }
}

void mseg_html_data(FILE *file, const char *json)
{
    fputs("<script type=\"application/json\" id=data>", file);
    for (const char *c = json; *c; c++) {
        if (*c == '<')
            fputs("\\u003c", file);
        else
            fputc(*c, file);
    }
    fputs("</script>\n", file);
}

void mseg_html_head(FILE *file, const char *title, const char *css)
{
    fprintf(file,
            "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n<meta name=viewport "
            "content=\"width=device-width,initial-scale=1\">\n<meta name=color-scheme content=\"light "
            "dark\">\n<title>%s</title>\n<style>\n%s%s</style>\n</head>\n<body>\n<main>\n",
            title, common_css, css);
}

void mseg_html_command(FILE *file, const char *command)
{
    if (!command)
        return;
    fputs("<pre class=scroll tabindex=0 aria-label=Command><code>", file);
    mseg_html_text(file, command);
    fputs("</code></pre>\n", file);
}

void mseg_html_base64(FILE *file, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (i + 1 < size)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < size)
            group |= bytes[i + 2];
        fputc(digits[group >> 18], file);
        fputc(digits[group >> 12 & 63], file);
        fputc(i + 1 < size ? digits[group >> 6 & 63] : '=', file);
        fputc(i + 2 < size ? digits[group & 63] : '=', file);
    }
}
