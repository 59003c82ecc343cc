/* Texts of other people (stories, file names, evidence) on their way out: one function a
 * destination, each total over any bytes. What is not UTF-8 and what would steer a terminal becomes
 * '?'. */
#ifndef REPORTS_TEXT_H
#define REPORTS_TEXT_H

#include "engine/base/buf.h"

/* For a terminal, on one line: no control character of ASCII or Latin-1 (an escape sequence could
 * rewrite what was printed before), so no newline either. */
void text_terminal(struct buf *out, struct bytes text);

/* For XML 1.0, in an attribute or between tags: the five entities; newlines stay between tags and
 * become spaces in attributes, as XML reads them. */
void text_xml(struct buf *out, const char *text);

/* One field of a CSV line (RFC 4180): quoted when it holds a comma, a quote or a newline. */
void text_csv(struct buf *out, const char *text);

/* For gnuplot, inside single quotes, and for names of files: letters, digits, space and "._:@-"
 * only, the others become '?'.
 */
void text_plot(struct buf *out, const char *text);

/* One word of a shell command that a person may paste: in single quotes unless it is plain. */
void text_shell(struct buf *out, const char *text);

#endif
