#include "cli/seen.h"

#include <stdlib.h>

uint64_t cli_seen_hash(const char *bytes, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a, then mixed, as its low bits say little of the last bytes */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
    return hash ? hash : 1;
}

/* Where a hash is or would be. */
static size_t place_of(const cli_seen *seen, uint64_t hash)
{
    size_t i = hash & (seen->places - 1);
    while (seen->hashes[i] && seen->hashes[i] != hash)
        i = (i + 1) & (seen->places - 1);
    return i;
}

static bool grow(cli_seen *seen)
{
    cli_seen more = {.places = seen->places ? 2 * seen->places : 1024, .count = seen->count};
    more.hashes = calloc(more.places, sizeof *more.hashes);
    more.numbers = calloc(more.places, sizeof *more.numbers);
    if (!more.hashes || !more.numbers) {
        cli_seen_free(&more);
        return false;
    }
    for (size_t i = 0; i < seen->places; i++) {
        if (!seen->hashes[i])
            continue;
        const size_t place = place_of(&more, seen->hashes[i]);
        more.hashes[place] = seen->hashes[i];
        more.numbers[place] = seen->numbers[i];
    }
    cli_seen_free(seen);
    *seen = more;
    return true;
}

bool cli_seen_add(cli_seen *seen, uint64_t hash, uint64_t number, bool *added, uint32_t *earlier)
{
    if (seen->count >= seen->places / 4 * 3 && !grow(seen))
        return false;
    const size_t place = place_of(seen, hash);
    *added = !seen->hashes[place];
    *earlier = seen->numbers[place];
    if (*added) {
        seen->hashes[place] = hash;
        seen->numbers[place] = (uint32_t)number;
        seen->count++;
    }
    return true;
}

bool cli_seen_has(const cli_seen *seen, uint64_t hash)
{
    return seen->places && seen->hashes[place_of(seen, hash)];
}

void cli_seen_free(cli_seen *seen)
{
    free(seen->hashes);
    free(seen->numbers);
    *seen = (cli_seen){0};
}
