/* Hostile texts on their way out. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "reports/text.h"

static char *ended(struct buf *out)
{
    buf_byte(out, '\0');
    return (char *)out->data;
}

#define EXPECT(call, expected)                                                                     \
    do {                                                                                           \
        struct buf out = {0};                                                                      \
        call;                                                                                      \
        cr_assert(eq(str, ended(&out), expected));                                                 \
        buf_free(&out);                                                                            \
    } while (0)

Test(text, nothing_steers_a_terminal)
{
    EXPECT(text_terminal(&out, bytes_of_text("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80")),
           "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
    EXPECT(text_terminal(&out, bytes_of_text("\x1b[2Ja\rb\nc\x7f\x07")), "?[2Ja?b?c??");
    /* CSI as one Latin-1 control, in UTF-8. */
    EXPECT(text_terminal(&out,
                         bytes_of_text("\xc2\x9b"
                                       "2J")),
           "?2J");
    EXPECT(text_terminal(&out, bytes_of("a\0b", 3)), "a?b");
    /* Right-to-left override and isolate; the dash beside them stays. */
    EXPECT(text_terminal(&out,
                         bytes_of_text("\xe2\x80\xae"
                                       "a\xe2\x81\xa6\xe2\x80\x94")),
           "?a?\xe2\x80\x94");
}

Test(text, what_is_not_utf_8_becomes_question_marks)
{
    EXPECT(text_terminal(&out, bytes_of_text("\xff\xfe")), "??");
    EXPECT(text_terminal(&out, bytes_of_text("a\xe2\x82")), "a??");         /* cut */
    EXPECT(text_terminal(&out, bytes_of_text("\xc0\xaf")), "??");           /* overlong */
    EXPECT(text_terminal(&out, bytes_of_text("\xed\xa0\x80")), "???");      /* surrogate */
    EXPECT(text_terminal(&out, bytes_of_text("\xf4\x90\x80\x80")), "????"); /* too high */
}

Test(text, xml_stays_xml)
{
    EXPECT(text_xml(&out, "<a b=\"c\">'&'</a>]]>"),
           "&lt;a b=&quot;c&quot;&gt;&apos;&amp;&apos;&lt;/a&gt;]]&gt;");
    EXPECT(text_xml(&out, "one\ntwo\x01\xff\xef\xbf\xbf"), "one\ntwo???");
}

Test(text, csv_fields)
{
    EXPECT(text_csv(&out, "plain-name"), "plain-name");
    EXPECT(text_csv(&out, "a,b"), "\"a,b\"");
    EXPECT(text_csv(&out, "say \"no\""), "\"say \"\"no\"\"\"");
}

Test(text, gnuplot_sees_harmless_letters_only)
{
    EXPECT(text_plot(&out, "x'; system('reboot') # \\ \n$y`z`"), "x?? system??reboot?? ? ? ??y?z?");
    EXPECT(text_plot(&out, "driver-crash_1.2@rocksdb"), "driver-crash_1.2@rocksdb");
}

Test(text, shell_words)
{
    EXPECT(text_shell(&out, "report/baseline-4.record.json"), "report/baseline-4.record.json");
    EXPECT(text_shell(&out, "a b"), "'a b'");
    EXPECT(text_shell(&out, "it's;$(x)"), "'it'\\''s;$(x)'");
    EXPECT(text_shell(&out, ""), "''");
}
