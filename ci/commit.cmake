# Writes sim/cli/commit.h into the build folder when the commit or the state of the tree has changed.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD OUTPUT_VARIABLE commit
  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit "unknown")
else()
  execute_process(COMMAND git -C ${SOURCE} diff --quiet HEAD RESULT_VARIABLE dirty ERROR_QUIET)
  if(dirty)
    set(commit "${commit}+")
  endif()
endif()
file(CONFIGURE OUTPUT ${TARGET} CONTENT
"/* Made by ci/commit.cmake. */
#define AFTERSHOCK_COMMIT \"${commit}\"
#define AFTERSHOCK_VERSION \"${VERSION}\"
" @ONLY)
