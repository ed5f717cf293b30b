#include "cli/shard.h"

#include <stdio.h>
#include <string.h>

bool cli_shard_parse(cli_shard *shard, const char *text)
{
    int used = 0;
    bool digits = strspn(text, "0123456789/") == strlen(text) && text[0] != '/';
    return digits && sscanf(text, "%9d/%9d%n", &shard->index, &shard->count, &used) == 2 && !text[used] && shard->index >= 1 &&
           shard->index <= shard->count;
}

bool cli_shard_has(cli_shard shard, uint64_t k)
{
    return k % (uint64_t)shard.count == (uint64_t)shard.index - 1;
}
