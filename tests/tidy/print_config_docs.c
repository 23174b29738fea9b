// SPDX-License-Identifier: BSD-3-Clause
/* Prints what is generated from tables/config.def: the table of docs/config.md, or the JSON schema with
 * --schema. docs/config.md and config/slowshake.schema.json must hold exactly this. */

#include "config/table.h"

#include "base/units.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 128

static bool is_list(const struct ss_config_member *member)
{
    return member->type == SS_TYPE_OBJECTS || member->type == SS_TYPE_PORTS ||
           member->type == SS_TYPE_JOURNALS;
}

/* Whether its bounds say more than its type does. */
static bool has_bounds(const struct ss_config_member *member)
{
    return member->type != SS_TYPE_OBJECT && member->type != SS_TYPE_BOOL && member->type != SS_TYPE_FORMAT;
}

static const char *default_text(const struct ss_config_member *member)
{
    if (member->required)
        return "*required*";
    return member->standard != NULL ? member->standard : "";
}

/* The type's words without their example. */
static int type_length(const char *what)
{
    const char *example = strstr(what, " such as");
    return (int)(example != NULL ? (size_t)(example - what) : strlen(what));
}

static void print_row(const struct ss_config_member *member, const char *path)
{
    char bounds[SS_CONFIG_BOUNDS_MAX] = "";
    const char *value = default_text(member), *tick = value[0] != '\0' && !member->required ? "`" : "";
    if (has_bounds(member))
        ss_config_member_bounds(member, bounds);
    const char *what = ss_config_type_what(member->type);
    printf("| `%s` | %.*s | %s%s%s | %s | %s | %s |\n", path, type_length(what), what, tick, value, tick,
           bounds, ss_config_member_reloads(member) ? "yes" : "", member->about);
}

static void print_section(enum ss_config_section section, const char *prefix)
{
    const struct ss_config_member *member = NULL;
    while ((member = ss_config_member_next(section, member)) != NULL) {
        char path[PATH_BYTES], inner[PATH_BYTES + sizeof("[].")];
        snprintf(path, sizeof(path), "%s%s", prefix, member->key);
        print_row(member, path);
        snprintf(inner, sizeof(inner), "%s%s.", path, is_list(member) ? "[]" : "");
        if (member->type == SS_TYPE_FORMAT)
            print_section(SS_SECTION_FORMAT, inner);
        else if (member->sub != SS_SECTION_NONE)
            print_section(member->sub, inner);
    }
}

static void print_table(void)
{
    printf("| key | type | default | range | SIGHUP | meaning |\n| --- | --- | --- | --- | --- | --- |\n");
    print_section(SS_SECTION_ROOT, "");
}

static json_t *section_schema(enum ss_config_section section);

static json_t *must(json_t *value)
{
    if (value == NULL) {
        fprintf(stderr, "print_config_docs: out of memory\n");
        exit(1);
    }
    return value;
}

#define PATTERN_SIZE  "[0-9]+(\\.[0-9]+)?([KMGT]iB|[kMGT]B|B)"
#define PATTERN_FIELD "(?!__)[A-Z_][A-Z0-9_]{0,63}"

static json_t *pattern(const char *text)
{
    return must(json_pack("{s:s, s:s}", "type", "string", "pattern", text));
}

static json_t *pattern_up_to(const char *text, uint64_t length)
{
    json_t *schema = pattern(text);
    json_object_set_new(schema, "maxLength", must(json_integer((json_int_t)length)));
    return schema;
}

/* Whole numbers below one: of fewer digits, or with the same ones up to one that is less, and then any. */
static void put_below(FILE *out, uint64_t number)
{
    char digits[24];
    int count = snprintf(digits, sizeof(digits), "%" PRIu64, number);
    const char *between = "";
    if (count > 1) {
        fprintf(out, "[0-9]{1,%d}", count - 1);
        between = "|";
    }
    for (int i = 0; i < count; i++) {
        if (digits[i] == '0')
            continue;
        fprintf(out, "%s%.*s[0-%c]", between, i, digits, digits[i] - 1);
        between = "|";
        if (i + 1 < count)
            fprintf(out, "[0-9]{%d}", count - 1 - i);
    }
}

/* Each quantity is held to the bound, which is some of each unit; a sum of them is not. */
static json_t *duration_schema(uint64_t high_ns)
{
    static const struct {
        const char *names;
        uint64_t ns;
    } UNITS[] = {{"ns", 1},          {"(us|µs|μs)", SS_NS_PER_US}, {"ms", SS_NS_PER_MS},
                 {"s", SS_NS_PER_S}, {"m", 60 * SS_NS_PER_S},      {"h", 3600 * SS_NS_PER_S}};
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (out == NULL)
        must(NULL);
    for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
        uint64_t most = high_ns / UNITS[i].ns;
        fprintf(out, "%s0*((", i == 0 ? "^(0|(" : "|");
        put_below(out, most);
        fprintf(out, ")(\\.[0-9]+)?|%" PRIu64 "(\\.0+)?)%s", most, UNITS[i].names);
    }
    fprintf(out, ")+)$");
    fclose(out);
    json_t *schema = pattern(text);
    free(text);
    return schema;
}

/* Its bounds are left to the program. */
static json_t *size_schema(uint64_t low)
{
    return low == 0 ? pattern("^(0|" PATTERN_SIZE ")$") : pattern("^(?=.*[1-9])" PATTERN_SIZE "$");
}

static json_t *text_schema(const struct ss_config_member *member)
{
    return must(json_pack("{s:s, s:I, s:I}", "type", "string", "minLength", (json_int_t)member->low,
                          "maxLength", (json_int_t)member->high));
}

static json_t *integer_schema(uint64_t low, uint64_t high)
{
    return must(json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)low, "maximum",
                          (json_int_t)high));
}

static json_t *list_schema(json_t *entry, uint64_t low, uint64_t high)
{
    return must(json_pack("{s:s, s:o, s:I, s:I}", "type", "array", "items", entry, "minItems",
                          (json_int_t)low, "maxItems", (json_int_t)high));
}

static json_t *either(json_t *one, json_t *other)
{
    return must(json_pack("{s:[o, o]}", "anyOf", one, other));
}

static json_t *words_schema(const char *const *words)
{
    json_t *list = must(json_array());
    for (; *words != NULL; words++)
        json_array_append_new(list, must(json_string(*words)));
    return must(json_pack("{s:o}", "enum", list));
}

/* Of a format's schema: what it takes must include the client. */
static void require_client(json_t *format, const char *kind)
{
    json_t *taken = json_object_get(json_object_get(format, "properties"), kind);
    json_t *choice = json_pack("[{s:[s]}, {s:[s]}]", "required", "client", "required", "client_ip");
    json_object_set_new(taken, "anyOf", must(choice));
}

static json_t *type_schema(const struct ss_config_member *member);

static json_t *lcores_schema(const struct ss_config_member *member)
{
    json_t *lcore = type_schema(ss_config_member_find(SS_SECTION_LCORES, "control"));
    json_t *schema = list_schema(lcore, member->low, member->high);
    json_object_set_new(schema, "uniqueItems", json_true());
    return schema;
}

static json_t *format_schema(void)
{
    const char *presets[SS_FORMAT_PRESETS + 1] = {NULL};
    for (unsigned i = 0; i < SS_FORMAT_PRESETS; i++)
        presets[i] = ss_config_format_name(i);
    json_t *object = section_schema(SS_SECTION_FORMAT);
    json_object_set_new(object, "minProperties", must(json_integer(1)));
    json_object_set_new(object, "maxProperties", must(json_integer(1)));
    require_client(object, "json");
    require_client(object, "fields");
    return either(words_schema(presets), object);
}

static json_t *entries_schema(const struct ss_config_member *member)
{
    json_t *entry = section_schema(member->sub);
    if (member->type == SS_TYPE_PORTS)
        entry = either(text_schema(ss_config_member_find(SS_SECTION_PORT, "device")), entry);
    json_t *list = list_schema(entry, member->low, member->high);
    return member->type == SS_TYPE_JOURNALS ? either(section_schema(member->sub), list) : list;
}

static json_t *type_schema(const struct ss_config_member *member)
{
    switch (member->type) {
    case SS_TYPE_TEXT:
    case SS_TYPE_STRING:
        return text_schema(member);
    case SS_TYPE_POINTER:
        return pattern_up_to("^(/([^~]|~[01])*)$", member->high);
    case SS_TYPE_FIELD:
        return pattern("^" PATTERN_FIELD "$");
    case SS_TYPE_WORD:
    case SS_TYPE_NAME:
        return words_schema(member->names);
    case SS_TYPE_DURATION:
        return duration_schema(member->high);
    case SS_TYPE_SIZE:
        return size_schema(member->low);
    case SS_TYPE_INTEGER:
    case SS_TYPE_LCORE:
        return integer_schema(member->low, member->high);
    case SS_TYPE_BOOL:
        return must(json_pack("{s:s}", "type", "boolean"));
    case SS_TYPE_ARGUMENTS:
        return list_schema(must(json_pack("{s:s, s:i}", "type", "string", "minLength", 1)), member->low,
                           member->high);
    case SS_TYPE_MATCHES:
        return list_schema(pattern("^" PATTERN_FIELD "="), member->low, member->high);
    case SS_TYPE_LCORE_LIST:
        return lcores_schema(member);
    case SS_TYPE_UDP_PORTS:
        return list_schema(integer_schema(1, 65535), member->low, member->high);
    case SS_TYPE_WORDS:
        return must(json_pack("{s:s, s:o}", "type", "array", "items", words_schema(member->names)));
    case SS_TYPE_TLS_PORTS:
        return either(must(json_pack("{s:s}", "const", "any")),
                      list_schema(integer_schema(member->low, member->high), 1, member->high));
    case SS_TYPE_OBJECT:
        return section_schema(member->sub);
    case SS_TYPE_OBJECTS:
    case SS_TYPE_PORTS:
    case SS_TYPE_JOURNALS:
        return entries_schema(member);
    case SS_TYPE_FORMAT:
        return format_schema();
    case SS_TYPE_COUNT:
        break;
    }
    assert(false); /* a type without a case above */
    return NULL;
}

static json_t *member_schema(const struct ss_config_member *member)
{
    json_t *schema = type_schema(member);
    json_object_set_new(schema, "description", must(json_string(member->about)));
    if (member->standard != NULL)
        json_object_set_new(schema, "default", must(json_loads(member->standard, JSON_DECODE_ANY, NULL)));
    return schema;
}

static json_t *section_schema(enum ss_config_section section)
{
    json_t *properties = must(json_object()), *required = must(json_array());
    const struct ss_config_member *member = NULL;
    while ((member = ss_config_member_next(section, member)) != NULL) {
        json_object_set_new(properties, member->key, member_schema(member));
        if (member->required)
            json_array_append_new(required, must(json_string(member->key)));
    }
    return must(json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties", 0, "required",
                          required, "properties", properties));
}

static void print_schema(void)
{
    json_t *schema = section_schema(SS_SECTION_ROOT);
    json_object_set_new(schema, "$schema", must(json_string("https://json-schema.org/draft/2020-12/schema")));
    json_object_set_new(schema, "title", must(json_string("slowshake's configuration")));
    json_dumpf(schema, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(schema);
}

int main(int argc, char **argv)
{
    bool schema = argc == 2 && strcmp(argv[1], "--schema") == 0;
    if (argc > 1 && !schema) {
        fprintf(stderr, "usage: print_config_docs [--schema]\n");
        return 2;
    }
    if (schema)
        print_schema();
    else
        print_table();
    return 0;
}
