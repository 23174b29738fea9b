// SPDX-License-Identifier: BSD-3-Clause
#include "join/fit.h"

#include "join/offset.h"

#define TOLERANCE_NS 20000000LL /* or a tenth of the duration */

/* How far the event's moment, back_ns earlier than logged, is from the stretch between these two. */
static int64_t apart(const struct ss_query *query, int64_t back_ns, int64_t first_ns, int64_t last_ns)
{
    int64_t early_ns = ss_time_minus(first_ns, ss_time_minus(query->to_ns, back_ns));
    int64_t late_ns = ss_time_minus(ss_time_minus(query->from_ns, back_ns), last_ns);
    int64_t most_ns = early_ns > late_ns ? early_ns : late_ns;
    return most_ns > 0 ? most_ns : 0;
}

static int64_t late_by(const struct ss_query *query, int64_t moment_ns)
{
    int64_t late_ns = ss_time_minus(query->from_ns, moment_ns);
    return late_ns > 0 ? late_ns : 0;
}

static int64_t apart_of_end(const struct ss_query *query, const struct ss_news *news)
{
    int64_t end_ns = apart(query, 0, news->end_ns, news->end_ns);
    if (query->event->duration_ns < 0)
        return end_ns;
    /* A proxy that dawdled after the wire was done logs a late end, but then its duration leads back to the
     * accept. */
    int64_t accept_ns = apart(query, query->event->duration_ns, news->accept_ns, news->served_ns);
    return accept_ns < end_ns ? accept_ns : end_ns;
}

/* Without a port the line must be near to something that happened: the handshake's end, or the end of waiting
 * for it. */
static int64_t apart_of_line(const struct ss_query *query, const struct ss_news *news)
{
    int64_t end_ns = late_by(query, news->end_ns);
    int64_t over_ns = apart(query, 0, news->over_ns, news->over_ns);
    return over_ns < end_ns ? over_ns : end_ns;
}

/* How long after the handshake was over the line was written; the handshake must have ended by then, and its
 * duration have passed since the accept. */
static bool fits_logged(const struct ss_query *query, const struct ss_news *news, int64_t *ret_off_ns)
{
    if (ss_time_minus(news->end_ns, query->to_ns) > query->ahead_ns)
        return false;
    int64_t duration_ns = query->event->duration_ns;
    if (duration_ns >= 0 &&
        ss_time_minus(ss_time_plus(news->accept_ns, duration_ns), query->to_ns) > query->slack_ns)
        return false;
    *ret_off_ns = query->has_port ? late_by(query, news->over_ns) : apart_of_line(query, news);
    return query->has_port || *ret_off_ns <= query->slack_ns;
}

bool ss_fits_time(const struct ss_query *query, const struct ss_news *news, int64_t *ret_off_ns)
{
    int64_t off_ns;
    switch (query->event->moment) {
    case SS_EVENT_ACCEPTED:
        /* The kernel may hold a connection for long before the proxy accepts it, but not beyond the proxy's
         * answer. */
        off_ns = apart(query, 0, news->accept_ns, news->served_ns);
        break;
    case SS_EVENT_ENDED:
        off_ns = apart_of_end(query, news);
        break;
    default:
        return fits_logged(query, news, ret_off_ns);
    }
    if (off_ns > query->slack_ns)
        return false;
    *ret_off_ns = off_ns;
    return true;
}

static int64_t tolerance_of(int64_t duration_ns)
{
    return duration_ns / 10 > TOLERANCE_NS ? duration_ns / 10 : TOLERANCE_NS;
}

/* Where the proxy's handshake began and, by its duration, ended. */
static bool fits_both_ends(const struct ss_query *query, const struct ss_news *news)
{
    int64_t duration_ns = query->event->duration_ns;
    int64_t off_ns = query->event->moment == SS_EVENT_ACCEPTED
                         ? apart(query, -duration_ns, news->end_ns, news->end_ns)
                         : apart(query, duration_ns, news->accept_ns, news->accept_ns);
    return off_ns <= tolerance_of(duration_ns);
}

/* Requests in early data may be answered before the handshake's end, and a proxy that gives up does not wait
 * for it. */
static bool may_end_early(const struct ss_event *event, const struct ss_news *news)
{
    return event->failed || news->early_data;
}

/* It accepted after the kernel did and before it answered, and had ended when the wire had. */
bool ss_fits_duration(const struct ss_event *event, const struct ss_news *news)
{
    int64_t most_ns = ss_time_minus(news->over_ns, news->accept_ns);
    int64_t least_ns = may_end_early(event, news) ? 0 : ss_time_minus(news->end_ns, news->served_ns);
    int64_t tolerance_ns = tolerance_of(event->duration_ns);
    return event->duration_ns < 0 || (ss_time_minus(event->duration_ns, most_ns) <= tolerance_ns &&
                                      ss_time_minus(least_ns, event->duration_ns) <= tolerance_ns);
}

static bool was_written_before_the_end(const struct ss_event *event, const struct ss_news *news)
{
    return event->age_ns > 0 && !may_end_early(event, news) &&
           ss_time_minus(ss_time_minus(news->end_ns, news->served_ns), event->age_ns) >
               tolerance_of(event->age_ns);
}

enum ss_lasted ss_fits_lasted(const struct ss_query *query, const struct ss_news *news)
{
    const struct ss_event *event = query->event;
    if (event->moment == SS_EVENT_LOGGED)
        return SS_LASTED_UNKNOWN;
    if (event->duration_ns > 0)
        return fits_both_ends(query, news) ? SS_LASTED_SO : SS_LASTED_OTHERWISE;
    return was_written_before_the_end(event, news) ? SS_LASTED_OTHERWISE : SS_LASTED_UNKNOWN;
}

/* 0.0.0.0 and :: stand for a listener on every address. */
static bool is_any(const struct ss_ip *ip)
{
    static const struct ss_ip any;
    struct ss_ip any_v4 = ss_ip_from_v4((const uint8_t[4]){0});
    return ss_ip_equal(ip, &any) || ss_ip_equal(ip, &any_v4);
}

static bool fits(const struct ss_endpoint *logged, const struct ss_endpoint *seen)
{
    return (logged->port == 0 || logged->port == seen->port) && ss_ip_equal(&logged->ip, &seen->ip);
}

/* A proxy may log the wire's client and the header's server. */
static bool fits_server(const struct ss_event *event, const struct ss_news *news)
{
    if (!event->has_server || fits(&event->server, &news->server))
        return true;
    if (is_any(&event->server.ip) && (event->server.port == 0 || event->server.port == news->server.port))
        return true;
    return news->has_proxied && fits(&event->server, &news->proxied_server);
}

/* Where no port says which handshake failed, it is none of those that did not. */
static bool fits_outcome(const struct ss_event *event, const struct ss_news *news)
{
    return event->client.port != 0 || !event->failed || !news->completed;
}

bool ss_fits_addresses(const struct ss_event *event, const struct ss_news *news, bool proxied)
{
    return fits(&event->client, proxied ? &news->proxied_client : &news->client) &&
           fits_server(event, news) && fits_outcome(event, news);
}
