// SPDX-License-Identifier: BSD-3-Clause
#include "capture/course.h"

static bool is_within(int64_t time_ns, int64_t of_ns, int64_t behind_ns, int64_t ahead_ns)
{
    return time_ns >= of_ns - behind_ns && time_ns <= of_ns + ahead_ns;
}

/* As the next frame of one capture, silences and all. */
static bool may_follow(int64_t time_ns, int64_t of_ns)
{
    return is_within(time_ns, of_ns, SS_COURSE_DISORDER_NS, SS_COURSE_SILENCE_NS);
}

void ss_course_begin(struct ss_course *course, int64_t time_ns)
{
    *course = (struct ss_course){.now_ns = time_ns, .has_begun = true};
}

bool ss_course_goes_on(struct ss_course *course, int64_t time_ns)
{
    bool is_near = course->is_file_new
                       ? is_within(time_ns, course->now_ns, SS_COURSE_FILE_BEHIND_NS, SS_COURSE_FILE_AHEAD_NS)
                       : is_within(time_ns, course->now_ns, SS_COURSE_DISORDER_NS, SS_COURSE_DISORDER_NS);

    if (!course->has_begun || !is_near)
        return false;
    if (time_ns > course->now_ns)
        course->now_ns = time_ns;
    course->is_doubting = course->is_file_new = false;
    return true;
}

enum ss_course_step ss_course_take(struct ss_course *course, int64_t time_ns)
{
    if (ss_course_goes_on(course, time_ns))
        return SS_COURSE_GOES_ON;
    if (!course->has_begun || course->is_file_new)
        return SS_COURSE_ANEW;
    if (course->is_doubting && may_follow(time_ns, course->doubted_ns))
        return may_follow(course->doubted_ns, course->now_ns) ? SS_COURSE_LATER : SS_COURSE_ANEW;
    course->doubted_ns = time_ns;
    course->is_doubting = true;
    return SS_COURSE_DOUBTFUL;
}

void ss_course_end_file(struct ss_course *course)
{
    if (course->is_doubting && may_follow(course->doubted_ns, course->now_ns))
        course->now_ns = course->doubted_ns;
    course->is_doubting = false;
    course->is_file_new = true;
}
