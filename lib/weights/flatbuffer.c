#include "weights/flatbuffer.h"

#include <string.h>

uint16_t mseg_load_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

uint32_t mseg_load_u32(const uint8_t *bytes)
{
    return (uint32_t)mseg_load_u16(bytes) | (uint32_t)mseg_load_u16(bytes + 2) << 16;
}

uint64_t mseg_load_u64(const uint8_t *bytes)
{
    return (uint64_t)mseg_load_u32(bytes) | (uint64_t)mseg_load_u32(bytes + 4) << 32;
}

float mseg_load_f32(const uint8_t *bytes)
{
    uint32_t bits = mseg_load_u32(bytes);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void mseg_fb_damage(mseg_fb *fb, size_t where, const char *what)
{
    if (fb->damage)
        return;
    fb->damage = what;
    fb->where = where;
}

static bool inside(const mseg_fb *fb, size_t position, size_t bytes)
{
    return position <= fb->size && bytes <= fb->size - position;
}

/* The place that the unsigned offset stored at position leads to, or 0. */
static size_t follow(mseg_fb *fb, size_t position)
{
    if (!inside(fb, position, 4)) {
        mseg_fb_damage(fb, position, "an offset lies outside the file");
        return 0;
    }
    uint32_t offset = mseg_load_u32(fb->data + position);
    if (offset < 4 || !inside(fb, position, offset)) {
        mseg_fb_damage(fb, position, "an offset leads outside the file");
        return 0;
    }
    return position + offset;
}

static mseg_fb_table table_at(mseg_fb *fb, size_t position)
{
    mseg_fb_table none = {0};
    if (position == 0)
        return none;
    if (!inside(fb, position, 4)) {
        mseg_fb_damage(fb, position, "a table lies outside the file");
        return none;
    }
    int64_t vtable = (int64_t)position - (int32_t)mseg_load_u32(fb->data + position);
    if (vtable < 0 || !inside(fb, (size_t)vtable, 4)) {
        mseg_fb_damage(fb, position, "a table's layout lies outside the file");
        return none;
    }
    mseg_fb_table table = {position, mseg_load_u16(fb->data + vtable + 2), (size_t)vtable, mseg_load_u16(fb->data + vtable)};
    if (table.vtable_size < 4 || !inside(fb, table.vtable, table.vtable_size) || !inside(fb, position, table.size)) {
        mseg_fb_damage(fb, position, "a table leaves the file");
        return none;
    }
    return table;
}

mseg_fb_table mseg_fb_root(mseg_fb *fb)
{
    return table_at(fb, follow(fb, 0));
}

/* The position of a field that has that many bytes, 0 when it is absent. */
static size_t field_at(mseg_fb *fb, mseg_fb_table table, int field, size_t bytes)
{
    size_t entry = 4 + 2 * (size_t)field;
    if (table.position == 0 || entry + 2 > table.vtable_size)
        return 0;
    size_t offset = mseg_load_u16(fb->data + table.vtable + entry);
    if (offset == 0)
        return 0;
    if (offset + bytes > table.size) {
        mseg_fb_damage(fb, table.position, "a field leaves its table");
        return 0;
    }
    return table.position + offset;
}

int8_t mseg_fb_i8(mseg_fb *fb, mseg_fb_table table, int field, int8_t missing)
{
    size_t position = field_at(fb, table, field, 1);
    return position ? (int8_t)fb->data[position] : missing;
}

uint32_t mseg_fb_u32(mseg_fb *fb, mseg_fb_table table, int field, uint32_t missing)
{
    size_t position = field_at(fb, table, field, 4);
    return position ? mseg_load_u32(fb->data + position) : missing;
}

int32_t mseg_fb_i32(mseg_fb *fb, mseg_fb_table table, int field, int32_t missing)
{
    return (int32_t)mseg_fb_u32(fb, table, field, (uint32_t)missing);
}

bool mseg_fb_has(mseg_fb *fb, mseg_fb_table table, int field)
{
    return field_at(fb, table, field, 1) != 0;
}

mseg_fb_table mseg_fb_child(mseg_fb *fb, mseg_fb_table table, int field)
{
    size_t position = field_at(fb, table, field, 4);
    return table_at(fb, position ? follow(fb, position) : 0);
}

mseg_fb_vector mseg_fb_list(mseg_fb *fb, mseg_fb_table table, int field, size_t element_size)
{
    mseg_fb_vector list = {0};
    size_t position = field_at(fb, table, field, 4);
    size_t start = position ? follow(fb, position) : 0;
    if (start == 0)
        return list;
    if (!inside(fb, start, 4) || mseg_load_u32(fb->data + start) > (fb->size - start - 4) / element_size) {
        mseg_fb_damage(fb, start, "a list leaves the file");
        return list;
    }
    list.position = start + 4;
    list.count = mseg_load_u32(fb->data + start);
    return list;
}

mseg_fb_table mseg_fb_table_at(mseg_fb *fb, mseg_fb_vector list, uint32_t index)
{
    return table_at(fb, follow(fb, list.position + (size_t)index * 4));
}

int32_t mseg_fb_i32_at(const mseg_fb *fb, mseg_fb_vector list, uint32_t index)
{
    return (int32_t)mseg_load_u32(fb->data + list.position + (size_t)index * 4);
}
