// SPDX-License-Identifier: BSD-3-Clause
#include "journal/taken.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX 256 /* a member's name in a pointer */

/* Bounds what a hostile line costs: jansson's memory and its recursion. journald cuts lines at 48 KiB, and
 * proxies nest their fields a few levels deep. */
#define BYTES_MAX (64u << 10)
#define DEPTH_MAX 32

bool ss_json_pointer_valid(const char *pointer)
{
    if (pointer[0] != '\0' && pointer[0] != '/')
        return false;
    size_t token = 0;
    for (const char *at = pointer; *at != '\0'; at++) {
        token = *at == '/' ? 0 : token + 1;
        if (token >= TOKEN_MAX || (*at == '~' && at[1] != '0' && at[1] != '1'))
            return false;
    }
    return true;
}

/* The next reference token with "~1" as '/' and "~0" as '~' (RFC 6901 section 4); *at moves behind it. */
static size_t take_token(const char **at, char ret_token[TOKEN_MAX])
{
    size_t length = 0;
    for ((*at)++; **at != '\0' && **at != '/'; (*at)++) {
        char c = **at;
        if (c == '~')
            c = *++(*at) == '1' ? '/' : '~';
        ret_token[length++] = c;
    }
    ret_token[length] = '\0';
    return length;
}

/* An index has no leading zeros (RFC 6901 section 4). */
static const json_t *element(const json_t *array, const char *token, size_t length)
{
    if (length == 0 || length > 6 || (token[0] == '0' && length > 1) || strspn(token, "0123456789") != length)
        return NULL;
    return json_array_get(array, strtoul(token, NULL, 10));
}

static const json_t *resolve(const json_t *value, const char *pointer)
{
    char token[TOKEN_MAX];
    while (value != NULL && *pointer != '\0') {
        size_t length = take_token(&pointer, token);
        value = json_is_array(value) ? element(value, token, length) : json_object_get(value, token);
    }
    return value;
}

/* A number as plain decimal text, to the billionth, so that one parser reads them all. */
static struct ss_text number_text(const json_t *number, char ret_text[32])
{
    if (json_is_integer(number)) {
        int length = snprintf(ret_text, 32, "%lld", (long long)json_integer_value(number));
        return (struct ss_text){ret_text, (size_t)length};
    }
    double value = json_real_value(number);
    if (value > 1e15 || value < -1e15) /* no time or port is that large */
        return (struct ss_text){"out of range", strlen("out of range")};
    int length = snprintf(ret_text, 32, "%.9f", value);
    while (ret_text[length - 1] == '0')
        length--;
    length -= ret_text[length - 1] == '.';
    return (struct ss_text){ret_text, (size_t)length};
}

static void take(const json_t *value, unsigned key, struct ss_taken *taken)
{
    struct ss_text text;
    if (taken->values[key].at != NULL)
        return;
    if (json_is_string(value))
        text = (struct ss_text){json_string_value(value), json_string_length(value)};
    else if (json_is_number(value))
        text = number_text(value, taken->numbers[key]);
    else
        return;
    const char *name = ss_taken_key_name(key);
    ss_taken_add(taken, key, (struct ss_text){name, strlen(name)}, text);
}

static bool nests_too_deeply(struct ss_text message)
{
    bool in_string = false;
    int depth = 0;
    for (size_t i = 0; i < message.length && depth <= DEPTH_MAX; i++) {
        char c = message.at[i];
        if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\';
        else
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    }
    return depth > DEPTH_MAX;
}

/* Most of what is no JSON shows at its first byte. */
static bool looks_like_json(struct ss_text message)
{
    size_t i = 0;
    while (i < message.length && (message.at[i] == ' ' || message.at[i] == '\t'))
        i++;
    return i < message.length && (message.at[i] == '{' || message.at[i] == '[');
}

static enum ss_take parse(struct ss_text message, json_t **ret_root)
{
    json_error_t error;
    if (!looks_like_json(message))
        return SS_TAKE_NOTHING;
    if (message.length > BYTES_MAX || nests_too_deeply(message))
        return SS_TAKE_GIVEN_UP;
    *ret_root = json_loadb(message.at, message.length, 0, &error);
    return *ret_root != NULL ? SS_TAKE_DONE : SS_TAKE_NOTHING;
}

enum ss_take ss_json_take(struct ss_text message, const char *needs, const struct ss_wanted *wanted,
                          struct ss_taken *taken, struct ss_json **ret_json)
{
    json_t *root;
    enum ss_take parsed = parse(message, &root);
    if (parsed != SS_TAKE_DONE)
        return parsed;
    bool any = false;
    for (; wanted->where != NULL && (needs == NULL || resolve(root, needs) != NULL); wanted++) {
        take(resolve(root, wanted->where), wanted->key, taken);
        any |= taken->values[wanted->key].at != NULL;
    }
    if (!any) {
        json_decref(root);
        return SS_TAKE_NOTHING;
    }
    *ret_json = (struct ss_json *)root;
    return SS_TAKE_DONE;
}

void ss_json_free(struct ss_json *json)
{
    json_decref((json_t *)json);
}
