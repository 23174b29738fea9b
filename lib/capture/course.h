// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/* The course of time over frames that are read from files: whether a frame goes on with the capture of those
 * before it, or begins another one.
 *
 * Files are read one after the other. A file goes on with the one before, as those of a capture that was
 * rotated do, unless its first frame is out of order by more than a merge of interfaces explains, or comes
 * later than anything waits for.
 *
 * Within a file frames may be further out of order, and any silence is one; but files are put together of
 * others, and single frames have been seen with times of another year. So a time that is far from the newest
 * is doubted until the next frame's is near one of the two.
 *
 *     step = ss_course_take(&course, frame.time_ns);
 *     GOES_ON:  a frame that is held was astray
 *     DOUBTFUL: the same; hold this one until the next step
 *     LATER, ANEW: the capture goes on after a silence, or has ended at course.now_ns and another begins;
 * with the frame that is held, or with this one: ss_course_begin() with its time, then take this one again
 */

#include "packet/frame.h"

#include <stdbool.h>

/* How far frames of one capture are out of order, and how long it may show nothing; and the same two from one
 * file to the next. */
#define SS_COURSE_DISORDER_NS    (10 * INT64_C(1000000000))
#define SS_COURSE_SILENCE_NS     (86400 * INT64_C(1000000000))
#define SS_COURSE_FILE_BEHIND_NS (1 * INT64_C(1000000000))
#define SS_COURSE_FILE_AHEAD_NS  (120 * INT64_C(1000000000))

enum ss_course_step { SS_COURSE_GOES_ON, SS_COURSE_DOUBTFUL, SS_COURSE_LATER, SS_COURSE_ANEW };

/* Zeroed: before the first file. */
struct ss_course {
    int64_t now_ns;     /* the newest time that is believed */
    int64_t doubted_ns; /* of the frame that is held, if is_doubting */
    bool has_begun, is_doubting;
    bool is_file_new; /* the next frame is the first of a file */
};

void ss_course_begin(struct ss_course *course, int64_t time_ns);

/* time_ns: see ss_frame_time(). */
enum ss_course_step ss_course_take(struct ss_course *course, int64_t time_ns);

/* Whether that step is GOES_ON; only then it is taken. */
bool ss_course_goes_on(struct ss_course *course, int64_t time_ns);

/* No more frames of this file: if the last one is held, it came after a silence, or was astray. */
void ss_course_end_file(struct ss_course *course);
