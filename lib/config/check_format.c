// SPDX-License-Identifier: BSD-3-Clause
/* What a journal's format takes out of an entry, and whether that is enough. */

#include "config/pattern.h"
#include "config/reader.h"

#include <string.h>

/* RFC 6901 section 3: each token behind a "/", "~" only as "~0" or "~1". */
bool ss_config_is_pointer(const char *text)
{
    if (text[0] != '/')
        return false;
    for (; *text != '\0'; text++)
        if (*text == '~' && text[1] != '0' && text[1] != '1')
            return false;
    return true;
}

/* systemd's rule for field names: capitals, digits and underscores, no digit first, at most 64 bytes; what
 * begins with two underscores is the journal's own, and cannot be asked for. */
bool ss_config_is_field(const char *text, size_t length)
{
    if (length == 0 || length > 64 || (text[0] >= '0' && text[0] <= '9') || strncmp(text, "__", 2) == 0)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!((text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= '0' && text[i] <= '9') || text[i] == '_'))
            return false;
    return true;
}

static unsigned key_of(const struct ss_config_member *member)
{
    return (unsigned)((member->offset - offsetof(struct ss_config_journal, pointers)) / sizeof(char *));
}

/* Also of a name that was meant to be a key's: that it is none is said elsewhere. */
static void give(struct ss_config_reader *reader, const char *name)
{
    const char *like = ss_config_key_like(SS_SECTION_FORMAT_FIELDS, name);
    const struct ss_config_member *member = ss_config_member_find(SS_SECTION_FORMAT_FIELDS, name);
    if (member == NULL && like != NULL)
        member = ss_config_member_find(SS_SECTION_FORMAT_FIELDS, like);
    if (member != NULL)
        reader->given[key_of(member)] = true;
}

/* Groups that no key is called like go into the record as they are. */
static void give_groups(struct ss_config_reader *reader, const pcre2_code *code)
{
    struct ss_pattern_name names[SS_PATTERN_NAMES_MAX];
    unsigned count = ss_pattern_names(code, names);
    for (unsigned i = 0; i < count; i++) {
        const char *name = names[i].text, *like = ss_config_key_like(SS_SECTION_FORMAT_FIELDS, name);
        if (ss_config_member_find(SS_SECTION_FORMAT_FIELDS, name) == NULL && like != NULL)
            ss_config_complain(reader, "unknown group \"%s\"; did you mean \"%s\"?", name, like);
        give(reader, name);
    }
}

static void give_regex(struct ss_config_reader *reader, const char *regex)
{
    char why[200];
    pcre2_code *code = ss_pattern_compile(regex, why, sizeof(why));
    size_t path = ss_config_enter(reader, "regex");
    if (code == NULL) {
        ss_config_complain(reader, "%s (wanted: a regular expression of PCRE2)", why);
    } else {
        memset(reader->given, false, sizeof(reader->given));
        give_groups(reader, code);
    }
    pcre2_code_free(code);
    ss_config_leave(reader, path);
}

static void give_keys(struct ss_config_reader *reader, const json_t *object)
{
    void *keys = json_object_iter((json_t *)(uintptr_t)object); /* jansson's iterators take no const */
    memset(reader->given, false, sizeof(reader->given));
    for (; keys != NULL; keys = json_object_iter_next((json_t *)(uintptr_t)object, keys))
        give(reader, json_object_iter_key(keys));
}

/* Of the presets, Caddy's and Traefik's lines never have a duration. */
void ss_config_check_preset(struct ss_config_reader *reader, enum ss_journal_format preset)
{
    for (unsigned i = SS_KEY_DURATION; i <= SS_KEY_DURATION_NS; i++)
        reader->given[i] = preset != SS_FORMAT_CADDY && preset != SS_FORMAT_TRAEFIK;
}

void ss_config_check_format(struct ss_config_reader *reader, const struct ss_config_journal *journal,
                            const json_t *format)
{
    if (journal->regex != NULL)
        give_regex(reader, journal->regex);
    else if (json_is_object(format))
        give_keys(reader, format);
    if (!reader->given[SS_KEY_CLIENT] && !reader->given[SS_KEY_CLIENT_IP])
        ss_config_complain(reader, "names no client (wanted: client or client_ip)");
}

static bool gives_duration(const struct ss_config_reader *reader)
{
    for (unsigned i = SS_KEY_DURATION; i <= SS_KEY_DURATION_NS; i++)
        if (reader->given[i])
            return true;
    return false;
}

/* Without a duration no event would ever flag. */
void ss_config_check_journal(struct ss_config_reader *reader, const struct ss_config_journal *journal)
{
    if (journal->min_duration_ns == 0 || gives_duration(reader))
        return;
    size_t path = ss_config_enter(reader, "min_duration");
    ss_config_complain(
        reader, "the format takes no duration out of an event (wanted: \"0\", or a duration in format)");
    ss_config_leave(reader, path);
}
