# SPDX-License-Identifier: Apache-2.0
# Flags that every target has, and the two ways to make one.

add_library(holdfast_flags INTERFACE)
target_include_directories(holdfast_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/module)
target_compile_definitions(holdfast_flags INTERFACE _GNU_SOURCE HOLDFAST_VERSION="${PROJECT_VERSION}")
target_compile_options(holdfast_flags INTERFACE
	-Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough
	-Wswitch-enum -Wnull-dereference -Wdouble-promotion
	$<$<BOOL:${HOLDFAST_WERROR}>:-Werror>
	-fno-strict-aliasing -fno-delete-null-pointer-checks -fno-common $<$<C_COMPILER_ID:GNU>:-ftrivial-auto-var-init=zero>)
if(HOLDFAST_SANITIZE)
	target_compile_definitions(holdfast_flags INTERFACE HOLDFAST_SANITIZED)
	target_compile_options(holdfast_flags INTERFACE -fsanitize=${HOLDFAST_SANITIZE}
		-fno-omit-frame-pointer -fno-sanitize-recover=all)
	target_link_options(holdfast_flags INTERFACE -fsanitize=${HOLDFAST_SANITIZE})
	# What is released is linked by the system's linker; a sanitizer's runtime, into some 200 programs,
	# by clang's own in a third of the time.
	find_program(HOLDFAST_LLD ld.lld-14)
	if(HOLDFAST_LLD AND CMAKE_C_COMPILER_ID STREQUAL Clang)
		target_link_options(holdfast_flags INTERFACE -fuse-ld=lld)
	endif()
else()
	target_compile_options(holdfast_flags INTERFACE -fstack-protector-strong -fstack-clash-protection
		-fcf-protection=full $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
	target_link_options(holdfast_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code)
endif()
# The same bytes wherever the tree lies.
target_compile_options(holdfast_flags INTERFACE
	$<$<NOT:$<CONFIG:Debug>>:-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.>)

# holdfast_library(NAME SOURCES ... LINKS ...): the static library of one folder.
function(holdfast_library name)
	cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
	add_library(${name} STATIC ${ARG_SOURCES})
	target_link_libraries(${name} PUBLIC holdfast_flags PRIVATE ${ARG_LINKS})
endfunction()

# holdfast_program(NAME SOURCES ... LINKS ...): an installed program.
function(holdfast_program name)
	cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
	add_executable(${name} ${ARG_SOURCES})
	target_link_libraries(${name} PRIVATE holdfast_flags ${ARG_LINKS})
	target_link_options(${name} PRIVATE -pie)
	set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

# holdfast_unit(NAME SOURCES ... LINKS ...): a cmocka test program, run by ctest under the label "unit".
function(holdfast_unit name)
	cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
	add_executable(${name} ${ARG_SOURCES})
	target_link_libraries(${name} PRIVATE holdfast_flags ${ARG_LINKS} cmocka)
	add_test(NAME ${name} COMMAND ${name})
	set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# holdfast_fuzz(NAME SOURCES ... LINKS ...): a libFuzzer target with the corpus tests/fuzz/corpus/NAME.
function(holdfast_fuzz name)
	if(NOT HOLDFAST_FUZZ)
		return()
	endif()
	cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
	add_executable(fuzz_${name} ${ARG_SOURCES})
	target_link_libraries(fuzz_${name} PRIVATE holdfast_flags ${ARG_LINKS})
	target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
	set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
	add_dependencies(fuzz_targets fuzz_${name})
endfunction()
