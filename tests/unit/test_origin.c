// SPDX-License-Identifier: BSD-3-Clause
#include "origin/origin.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rte_eal.h>

static char why[256];

static struct ss_origins *create(void)
{
    struct ss_origins *origins = NULL;
    assert_int_equal(ss_origins_create(&origins, why, sizeof(why)), 0);
    return origins;
}

/* Loads a file of that text and removes it. */
static int load(struct ss_origins *origins, const char *text)
{
    char file[] = "/tmp/test_origin.XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    why[0] = 0;
    int result = ss_origins_load(origins, file, "aws", why, sizeof(why));
    unlink(file);
    return result;
}

static void assert_found(const struct ss_origins *origins, const char *address, const char *name)
{
    struct ss_ip ip;
    assert_true(ss_ip_parse(address, strlen(address), &ip));
    const char *found = ss_origins_find(origins, &ip);
    if ((found == NULL) != (name == NULL) || (found && strcmp(found, name) != 0))
        fail_msg("%s: %s instead of %s", address, found ? found : "none", name ? name : "none");
}

static const char ranges[] =
    "{\"syncToken\": \"1\", \"createDate\": \"2026-11-22-00-00-00\", \"prefixes\": ["
    "{\"ip_prefix\": \"192.0.2.0/24\", \"region\": \"us-east-1\", \"service\": \"AMAZON\", "
    "\"network_border_group\": \"x\"},"
    "{\"ip_prefix\": \"192.0.2.0/24\", \"region\": \"us-east-1\", \"service\": \"EC2\"},"
    "{\"ip_prefix\": \"192.0.2.0/24\", \"region\": \"us-east-1\", \"service\": \"S3\"},"
    "{\"ip_prefix\": \"192.0.2.64/26\", \"region\": \"eu-west-1\", \"service\": \"AMAZON\"},"
    "{\"ip_prefix\": \"192.0.2.70/32\", \"region\": \"GLOBAL\", \"service\": \"ROUTE53\"},"
    "{\"ip_prefix\": \"192.0.2.70/32\", \"region\": \"GLOBAL\", \"service\": \"AMAZON\"},"
    "{\"ip_prefix\": \"198.51.100.0/24\", \"region\": \"us-east-1\", \"service\": \"EC2\"}],"
    "\"ipv6_prefixes\": ["
    "{\"ipv6_prefix\": \"2001:db8::/32\", \"region\": \"eu-west-1\", \"service\": \"EC2\"},"
    "{\"ipv6_prefix\": \"2001:db8:1::/48\", \"region\": \"eu-west-1\", \"service\": \"AMAZON\"},"
    "{\"ipv6_prefix\": \"2001:db8:1::/48\", \"region\": \"eu-west-1\", \"service\": \"CLOUDFRONT\"}]}";

static void the_longest_prefix_and_the_more_specific_service_win(void **state)
{
    (void)state;
    struct ss_origins *origins = create();
    assert_int_equal(load(origins, ranges), 0);
    assert_int_equal(ss_origins_count(origins), 6);
    assert_found(origins, "192.0.2.0", "aws/us-east-1/EC2");
    assert_found(origins, "192.0.2.63", "aws/us-east-1/EC2");
    assert_found(origins, "192.0.2.64", "aws/eu-west-1/AMAZON");
    assert_found(origins, "192.0.2.69", "aws/eu-west-1/AMAZON");
    assert_found(origins, "192.0.2.70", "aws/GLOBAL/ROUTE53");
    assert_found(origins, "192.0.2.128", "aws/us-east-1/EC2");
    assert_found(origins, "::ffff:192.0.2.70", "aws/GLOBAL/ROUTE53");
    assert_found(origins, "198.51.100.255", "aws/us-east-1/EC2");
    assert_found(origins, "198.51.101.0", NULL);
    assert_found(origins, "192.0.1.255", NULL);
    assert_found(origins, "2001:db8::1", "aws/eu-west-1/EC2");
    assert_found(origins, "2001:db8:1::1", "aws/eu-west-1/CLOUDFRONT");
    assert_found(origins, "2001:db8:2::1", "aws/eu-west-1/EC2");
    assert_found(origins, "2001:db9::1", NULL);
    assert_found(origins, "::1", NULL);
    ss_origins_free(origins);
}

static void empty_origins_find_nothing(void **state)
{
    (void)state;
    struct ss_origins *origins = create();
    assert_found(origins, "192.0.2.1", NULL);
    assert_found(origins, "2001:db8::1", NULL);
    assert_int_equal(load(origins, "{\"prefixes\": [], \"ipv6_prefixes\": []}"), 0);
    assert_int_equal(ss_origins_count(origins), 0);
    ss_origins_free(origins);
    ss_origins_free(NULL);
}

static void two_can_live_side_by_side_while_one_is_reloaded(void **state)
{
    (void)state;
    struct ss_origins *old = create(), *new = create();
    assert_int_equal(load(old, ranges), 0);
    assert_found(old, "192.0.2.1", "aws/us-east-1/EC2");
    assert_found(new, "192.0.2.1", NULL);
    ss_origins_free(old);
    assert_int_equal(load(new, ranges), 0);
    assert_found(new, "192.0.2.1", "aws/us-east-1/EC2");
    ss_origins_free(new);
}

static void a_file_that_is_wrong_is_refused_with_a_sentence(void **state)
{
    (void)state;
#define ROW(entry) "{\"prefixes\": [" entry "], \"ipv6_prefixes\": []}"
    const struct {
        const char *text, *says;
    } rows[] = {
        {"", "1:0"},
        {"{\"prefixes\": [", "1:"},
        {"[]", "not an ip-ranges.json"},
        {"{}", "no list \"prefixes\""},
        {"{\"prefixes\": []}", "no list \"ipv6_prefixes\""},
        {"{\"prefixes\": {}, \"ipv6_prefixes\": []}", "no list \"prefixes\""},
        {ROW("7"), "/prefixes/0: wanted an object"},
        {ROW("{\"ip_prefix\": \"192.0.2.0/24\", \"region\": \"r\"}"), "/prefixes/0: wanted an object"},
        {ROW("{\"ip_prefix\": 7, \"region\": \"r\", \"service\": \"s\"}"), "/prefixes/0: wanted an object"},
        {ROW("{\"ip_prefix\": \"192.0.2.0\", \"region\": \"r\", \"service\": \"s\"}"), "its prefix is not"},
        {ROW("{\"ip_prefix\": \"192.0.2.0/\", \"region\": \"r\", \"service\": \"s\"}"), "its prefix is not"},
        {ROW("{\"ip_prefix\": \"192.0.2.0/33\", \"region\": \"r\", \"service\": \"s\"}"),
         "its prefix is not"},
        {ROW("{\"ip_prefix\": \"192.0.2.0/4294967297\", \"region\": \"r\", \"service\": \"s\"}"),
         "its prefix is not"},
        {ROW("{\"ip_prefix\": \"192.0.2.0/-1\", \"region\": \"r\", \"service\": \"s\"}"),
         "its prefix is not"},
        {ROW("{\"ip_prefix\": \"192.0.2/24\", \"region\": \"r\", \"service\": \"s\"}"), "its prefix is not"},
        {ROW("{\"ip_prefix\": \"2001:db8::/129\", \"region\": \"r\", \"service\": \"s\"}"),
         "its prefix is not"},
        {ROW("{\"ip_prefix\": \"192.0.2.0/24\", \"region\": "
             "\"rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\", "
             "\"service\": \"ssssssssssssssssssssssssssssssssssssssssssssssssssssssssss\"}"),
         "too long"},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ss_origins *origins = create();
        int result = load(origins, rows[i].text);
        if (result != -EINVAL || !strstr(why, rows[i].says))
            fail_msg("row %u: %d, \"%s\"", i, result, why);
        ss_origins_free(origins);
    }
}

static void a_file_that_is_not_there_and_a_format_that_is_not_known_are_named(void **state)
{
    (void)state;
    struct ss_origins *origins = create();
    assert_int_equal(ss_origins_load(origins, "/nonexistent/ranges.json", "aws", why, sizeof(why)), -ENOENT);
    assert_non_null(strstr(why, "/nonexistent/ranges.json"));
    assert_int_equal(ss_origins_load(origins, "x.json", "gcp", why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, "gcp"));
    ss_origins_free(origins);
}

/* As many prefixes as asked for, no two of them neighbours. */
static char *many(unsigned v4, unsigned v6)
{
    size_t room = (size_t)(v4 + v6) * 96 + 100;
    char *text = malloc(room);
    assert_non_null(text);
    size_t at = (size_t)snprintf(text, room, "{\"prefixes\": [");
    for (unsigned i = 0; i < v4; i++)
        at += (size_t)snprintf(text + at, room - at,
                               "%s{\"ip_prefix\":\"10.%u.%u.%u/32\",\"region\":\"r%u\",\"service\":\"EC2\"}",
                               i ? "," : "", i >> 14, i >> 6 & 255, (i & 63) << 2, i % 40);
    at += (size_t)snprintf(text + at, room - at, "], \"ipv6_prefixes\": [");
    for (unsigned i = 0; i < v6; i++)
        at += (size_t)snprintf(
            text + at, room - at,
            "%s{\"ipv6_prefix\":\"2001:db8:%x::/48\",\"region\":\"r%u\",\"service\":\"EC2\"}", i ? "," : "",
            i, i % 40);
    snprintf(text + at, room - at, "]}");
    return text;
}

static void twice_as_many_prefixes_as_aws_has_fit(void **state)
{
    (void)state;
    struct ss_origins *origins = create();
    char *text = many(30000, 20000);
    assert_int_equal(load(origins, text), 0);
    assert_int_equal(ss_origins_count(origins), 50000);
    assert_found(origins, "10.0.0.4", "aws/r1/EC2");
    assert_found(origins, "10.0.0.5", NULL);
    assert_found(origins, "10.1.212.188", "aws/r39/EC2");
    assert_found(origins, "2001:db8:4e1f::9", "aws/r39/EC2");
    free(text);
    ss_origins_free(origins);
}

static void more_prefixes_than_fit_are_an_error(void **state)
{
    (void)state;
    const unsigned rows[][2] = {{32769, 0}, {0, 32769}};
    for (unsigned i = 0; i < 2; i++) {
        struct ss_origins *origins = create();
        char *text = many(rows[i][0], rows[i][1]);
        assert_int_equal(load(origins, text), -ENOSPC);
        assert_non_null(strstr(why, "32768"));
        free(text);
        ss_origins_free(origins);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    char *eal[] = {argv[0], "--no-huge", "--no-pci", "--no-telemetry",     "--no-shconf", "-m",
                   "64",    "-l",        "0",        "--log-level=*:error"};
    if (rte_eal_init(sizeof(eal) / sizeof(eal[0]), eal) < 0)
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_prefix_and_the_more_specific_service_win),
        cmocka_unit_test(empty_origins_find_nothing),
        cmocka_unit_test(two_can_live_side_by_side_while_one_is_reloaded),
        cmocka_unit_test(a_file_that_is_wrong_is_refused_with_a_sentence),
        cmocka_unit_test(a_file_that_is_not_there_and_a_format_that_is_not_known_are_named),
        cmocka_unit_test(twice_as_many_prefixes_as_aws_has_fit),
        cmocka_unit_test(more_prefixes_than_fit_are_an_error),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rte_eal_cleanup();
    return failed;
}
