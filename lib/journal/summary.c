// SPDX-License-Identifier: BSD-3-Clause
#include "journal/summary.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

/* name, newline, length, value, newline: any value at all; see "binary safe" in the protocol. */
#define PARTS_OF_FIELD 5

int ss_summary_open(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd >= 0 ? fd : -errno;
}

static struct iovec part(const void *bytes, size_t length)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
}

static size_t add_field(struct iovec *parts, const struct ss_summary_field *field, uint64_t *length)
{
    size_t bytes = strlen(field->value);
    *length = htole64(bytes);
    parts[0] = part(field->name, strlen(field->name));
    parts[1] = part("\n", 1);
    parts[2] = part(length, sizeof(*length));
    parts[3] = part(field->value, bytes);
    parts[4] = part("\n", 1);
    return PARTS_OF_FIELD;
}

int ss_summary_send(int fd, const char *path, const struct ss_summary_field *fields, size_t count)
{
    struct iovec parts[SS_SUMMARY_FIELDS_MAX * PARTS_OF_FIELD];
    uint64_t lengths[SS_SUMMARY_FIELDS_MAX];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t used = 0;

    if (count > SS_SUMMARY_FIELDS_MAX)
        return -E2BIG;
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].value != NULL)
            used += add_field(&parts[used], &fields[i], &lengths[i]);
    }
    struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = parts, .msg_iovlen = used};
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}
