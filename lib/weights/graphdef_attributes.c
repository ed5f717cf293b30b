#include <string.h>

#include "weights/graphdef.h"

const MsegGraphdef__Value *mseg_gd_attribute(const gd_call *c, const char *key)
{
    for (size_t i = 0; i < c->message->n_attr; i++) {
        const MsegGraphdef__Entry *entry = c->message->attr[i];
        if (entry->key && entry->value && strcmp(entry->key, key) == 0)
            return entry->value;
    }
    return NULL;
}

static mseg_status wrong(const gd_reader *r, const gd_call *c, const char *key, const char *wanted)
{
    return mseg_gd_fail(r, c->node, MSEG_FORMAT, "has a \"%s\" that is not %s", key, wanted);
}

mseg_status mseg_gd_int(const gd_reader *r, const gd_call *c, const char *key, int64_t *value)
{
    const MsegGraphdef__Value *v = mseg_gd_attribute(c, key);
    if (v && !v->has_i)
        return wrong(r, c, key, "an integer");
    if (v)
        *value = v->i;
    return MSEG_OK;
}

mseg_status mseg_gd_bool(const gd_reader *r, const gd_call *c, const char *key, bool *value)
{
    const MsegGraphdef__Value *v = mseg_gd_attribute(c, key);
    if (v && !v->has_b)
        return wrong(r, c, key, "true or false");
    if (v)
        *value = v->b;
    return MSEG_OK;
}

mseg_status mseg_gd_float(const gd_reader *r, const gd_call *c, const char *key, float *value)
{
    const MsegGraphdef__Value *v = mseg_gd_attribute(c, key);
    if (v && !v->has_f)
        return wrong(r, c, key, "a number");
    if (v)
        *value = v->f;
    return MSEG_OK;
}

mseg_status mseg_gd_type(const gd_reader *r, const gd_call *c, const char *key, int *value)
{
    const MsegGraphdef__Value *v = mseg_gd_attribute(c, key);
    if (v && !v->has_type)
        return wrong(r, c, key, "a type");
    if (v)
        *value = v->type;
    return MSEG_OK;
}

mseg_status mseg_gd_ints(const gd_reader *r, const gd_call *c, const char *key, int *values, int count, int *count_out)
{
    const MsegGraphdef__Value *v = mseg_gd_attribute(c, key);
    if (!v)
        return MSEG_OK;
    if (!v->list || v->list->n_i > (size_t)count || (!count_out && v->list->n_i != (size_t)count))
        return wrong(r, c, key, "a list of so many integers");
    for (size_t i = 0; i < v->list->n_i; i++) {
        if (v->list->i[i] < -INT32_MAX || v->list->i[i] > INT32_MAX)
            return wrong(r, c, key, "a list of integers of use");
        values[i] = (int)v->list->i[i];
    }
    if (count_out)
        *count_out = (int)v->list->n_i;
    return MSEG_OK;
}

mseg_status mseg_gd_string(const gd_reader *r, const gd_call *c, const char *key, char value[16])
{
    const MsegGraphdef__Value *v = mseg_gd_attribute(c, key);
    if (v && !v->has_s)
        return wrong(r, c, key, "a text");
    if (v) {
        const size_t size = v->s.len < 15 ? v->s.len : 15;
        if (size)
            memcpy(value, v->s.data, size);
        value[size] = '\0';
    }
    return MSEG_OK;
}

mseg_status mseg_gd_check_format(const gd_reader *r, const gd_call *c)
{
    char format[16] = "NHWC";
    mseg_status status = mseg_gd_string(r, c, "data_format", format);
    if (!status && strcmp(format, "NHWC") != 0)
        status =
            mseg_gd_fail(r, c->node, MSEG_UNSUPPORTED, "has channels first (NCHW); write the graph with channels last (NHWC)");
    return status;
}
