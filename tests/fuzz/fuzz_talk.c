// SPDX-License-Identifier: BSD-3-Clause

/* Any bytes before TLS: a PROXY protocol header that is whole stays what it is whatever follows, one that is
 * refused stays refused, and a hello that is found lies within the bytes. */

#include "talk/proxied.h"
#include "talk/talk.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ss_proxied header = {0}, first = {0};
    enum ss_proxied_result last = SS_PROXIED_MORE;
    size_t offset;

    for (size_t length = 0; length <= size && length <= SS_PROXIED_MAX; length++) {
        enum ss_proxied_result result = ss_proxied_decode(ss_span_of(data, length), &header);
        assert(last == SS_PROXIED_MORE || result == last);
        if (result == SS_PROXIED_DONE && last == SS_PROXIED_MORE)
            first = header;
        if (result == SS_PROXIED_DONE)
            assert(header.bytes == first.bytes && ss_ip_equal(&header.client.ip, &first.client.ip));
        last = result;
    }
    enum ss_talk_found found = ss_talk_find_hello(ss_span_of(data, size), 1, &offset);
    if (found != SS_TALK_NOWHERE)
        assert(offset < size && data[offset] == 0x16);
    if (found != SS_TALK_NOWHERE)
        assert((offset + SS_TALK_HELLO_BYTES <= size) == (found == SS_TALK_FOUND));
    ss_talk_is_other(ss_span_of(data, size));
    ss_talk_is_opener(ss_span_of(data, size), true);
    ss_talk_is_opener(ss_span_of(data, size), false);
    return 0;
}
