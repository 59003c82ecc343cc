# One Criterion program a test file, linked with no more than its folder may know. A contract suite
# (engine/ports/X_contract.c) is compiled into every test whose name says so: X_fake_test.c, X_memory_test.c.
set(aftershock_link_engine aftershock_engine)
set(aftershock_link_faults aftershock_faults)
set(aftershock_link_scenarios aftershock_scenarios)
set(aftershock_link_sim aftershock_sim)
set(aftershock_link_reports aftershock_reports)
set(ASAN_ENV "ASAN_OPTIONS=detect_leaks=1:log_path=${CMAKE_BINARY_DIR}/sanitizer/report"
             "UBSAN_OPTIONS=print_stacktrace=1:log_path=${CMAKE_BINARY_DIR}/sanitizer/report"
             "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/ci/lsan.supp")

foreach(folder engine faults scenarios sim reports)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*_test.c)
  foreach(test ${tests})
    file(RELATIVE_PATH relative ${CMAKE_SOURCE_DIR} ${test})
    string(REGEX REPLACE "\\.c$" "" name ${relative})
    string(REPLACE "/" "." name ${name})
    set(sources ${test})
    if(test MATCHES "/([a-z]+)_(fake|real|memory)_test\\.c$")
      list(APPEND sources ${CMAKE_SOURCE_DIR}/engine/ports/${CMAKE_MATCH_1}_contract.c)
    endif()
    add_executable(${name} ${sources})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_compile_options(${name} PRIVATE -Wno-conversion -Wno-sign-conversion -Wno-float-equal
      -Wno-missing-prototypes -Wno-unused-parameter -Wno-missing-field-initializers $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>
      # Criterion's eq(str, ...) takes char *
      $<IF:$<C_COMPILER_ID:GNU>,-Wno-discarded-qualifiers,-Wno-incompatible-pointer-types-discards-qualifiers>)
    target_link_libraries(${name} PRIVATE ${aftershock_link_${folder}} PkgConfig::CRITERION)
    if(test MATCHES "/engine/(real|cli)/")
      target_link_libraries(${name} PRIVATE aftershock_real)
    endif()
    if(test MATCHES "/sim/(cli|search)/" AND TARGET aftershock_cli)
      target_link_libraries(${name} PRIVATE aftershock_cli)
    endif()
    add_test(NAME ${name} COMMAND ${name} --jobs 1 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT 600 ENVIRONMENT "${ASAN_ENV}")
  endforeach()
endforeach()

# Leaks on purpose; run by ci/leaks only, not by ctest.
add_executable(ci.leak_canary ${CMAKE_SOURCE_DIR}/ci/leak_canary.c)
set_target_properties(ci.leak_canary PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(ci.leak_canary PRIVATE PkgConfig::CRITERION)

# X_bench.c is one program that prints figures; ci/bench runs them, from a release build.
add_custom_target(bench)
foreach(folder engine sim)
  file(GLOB_RECURSE benches CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*_bench.c)
  foreach(bench ${benches})
    file(RELATIVE_PATH relative ${CMAKE_SOURCE_DIR} ${bench})
    string(REGEX REPLACE "\\.c$" "" name ${relative})
    string(REPLACE "/" "." name ${name})
    add_executable(${name} EXCLUDE_FROM_ALL ${bench})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
    target_compile_definitions(${name} PRIVATE _DEFAULT_SOURCE)
    target_link_libraries(${name} PRIVATE ${aftershock_link_${folder}})
    if(bench MATCHES "/engine/(real|cli)/")
      target_link_libraries(${name} PRIVATE aftershock_real)
    endif()
    if(bench MATCHES "/sim/cli/" AND TARGET aftershock_cli)
      target_link_libraries(${name} PRIVATE aftershock_cli)
    endif()
    add_dependencies(bench ${name})
  endforeach()
endforeach()

# What runs the whole program is not run again in builds that differ by the compiler alone.
if(TARGET aftershock AND (AFTERSHOCK_SANITIZE OR (CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")))
  set(whole_program TRUE)
endif()

# The program from outside.
if(whole_program)
  add_test(NAME ci.cli-test COMMAND ${CMAKE_SOURCE_DIR}/ci/cli-test $<TARGET_FILE:aftershock>
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(ci.cli-test PROPERTIES TIMEOUT 600 ENVIRONMENT "${ASAN_ENV}")
endif()

# The engine in the simulator and in `stream` is the same bytes; and whoever says so can tell.
if(TARGET aftershock)
  add_test(NAME ci.one-engine COMMAND ${CMAKE_SOURCE_DIR}/ci/one-engine ${CMAKE_BINARY_DIR})
  add_test(NAME ci.one-engine-self-test COMMAND ${CMAKE_SOURCE_DIR}/ci/one-engine --self-test)
endif()

# The program with real processes, files and librdkafka, broken in many ways; with sanitizers a part of it. Times are real: nothing else
# runs beside it.
if(whole_program)
  set(parts kills-files kills-rocksdb --kills 70)
  if(CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    set(parts "")
  endif()
  add_test(NAME ci.live-faults COMMAND ${CMAKE_SOURCE_DIR}/ci/live-faults $<TARGET_FILE:aftershock> --seed 1 ${parts}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  add_test(NAME ci.live-faults-self-test COMMAND ${CMAKE_SOURCE_DIR}/ci/live-faults $<TARGET_FILE:aftershock> --self-test
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(ci.live-faults ci.live-faults-self-test PROPERTIES TIMEOUT 600 RUN_SERIAL ON ENVIRONMENT "${ASAN_ENV}")
endif()

# The long ones first, so that no core stands idle at the end; a fresh build folder knows no times.
foreach(test ci.cli-test sim.search.scenarios_test sim.fakes.rocksdb_crash_test sim.search.crash_sweep_test sim.search.vary_test)
  if(TEST ${test})
    set_tests_properties(${test} PROPERTIES COST 100)
  endif()
endforeach()
