// SPDX-License-Identifier: BSD-3-Clause
/* Prints what is generated from the tables of names: print_tables marks gives the rows of
 * lib/tables/marks.def as docs/record.md has them between <!-- marks.def begin --> and <!-- marks.def end
 * -->. Alone, it prints the names of the tables that it knows. */

#include <stdio.h>
#include <string.h>

struct row {
    const char *name, *about;
};

static const struct row marks[] = {
#define X(id, name, sender, about) {name, about},
#include "tables/marks.def"
#undef X
};

static const struct row phases[] = {
#define X(id, name, mark, owner, about) {name, about},
#include "tables/phases.def"
#undef X
};

static const struct row shares[] = {
#define X(id, name, about) {name, about},
#include "tables/shares.def"
#undef X
};

static const struct row evidence[] = {
#define X(id, name, share, strength, about) {name, about},
#include "tables/evidence.def"
#undef X
};

static const struct row verdicts[] = {
#define X(id, name, about) {name, about},
#include "tables/verdicts.def"
#undef X
};

static const struct row outcomes[] = {
#define X(id, name, about) {name, about},
#include "tables/outcomes.def"
#undef X
};

static const struct row unmatched[] = {
#define X(id, name, about, advice) {name, about},
#include "tables/unmatched.def"
#undef X
};

static const struct row unwritten[] = {
#define X(id, name, about, advice) {name, about},
#include "tables/unwritten.def"
#undef X
};

static const struct {
    const char *name;
    const struct row *rows;
    size_t count;
} tables[] = {
#define TABLE(name)                                                                                          \
    {                                                                                                        \
#name, name, sizeof(name) / sizeof(name[0])                                                          \
    }
    TABLE(marks),    TABLE(phases),   TABLE(shares),    TABLE(evidence),
    TABLE(verdicts), TABLE(outcomes), TABLE(unmatched), TABLE(unwritten),
#undef TABLE
};

#define TABLE_COUNT (sizeof(tables) / sizeof(tables[0]))

static void print_rows(const struct row *rows, size_t count)
{
    printf("| name | about |\n|---|---|\n");
    for (size_t i = 0; i < count; i++)
        printf("| `%s` | %s |\n", rows[i].name, rows[i].about);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (argc < 2)
            puts(tables[i].name);
        else if (strcmp(argv[1], tables[i].name) == 0) {
            print_rows(tables[i].rows, tables[i].count);
            return 0;
        }
    }
    return argc < 2 ? 0 : 1;
}
