# SPDX-License-Identifier: Apache-2.0
# Run by CPack on the staged tree, before it is packed: what Debian's policy wants otherwise than
# `cmake --install` does it. §12.1 manual pages, §12.5 copyright, §12.7 changelog.
set(staged ${CPACK_TEMPORARY_INSTALL_DIRECTORY})
if(NOT IS_DIRECTORY ${staged}/usr)
	message(FATAL_ERROR "nothing is staged in ${staged}")
endif()
set(doc ${staged}/usr/share/doc/holdfast)

# The licence's text is in /usr/share/common-licenses already.
file(REMOVE ${doc}/LICENSE)
file(COPY ${CPACK_HOLDFAST_DEBIAN}/copyright DESTINATION ${doc}
	FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
configure_file(${CPACK_HOLDFAST_DEBIAN}/changelog.in ${doc}/changelog @ONLY
	FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)

list(TRANSFORM CPACK_HOLDFAST_PAGES PREPEND ${staged}/usr/share/man/ OUTPUT_VARIABLE pages)
execute_process(COMMAND gzip -9 --no-name --force ${pages} ${doc}/changelog COMMAND_ERROR_IS_FATAL ANY)
