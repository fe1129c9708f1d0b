# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where. Folders follow GNUInstallDirs; the settings are always looked
# for in /etc/holdfast, so that a prefix of /usr or /usr/local puts them there. place.cmake does at
# install time what depends on the prefix.
include(GNUInstallDirs)

set(HOLDFAST_PAGES ${PROJECT_BINARY_DIR}/man)
set(HOLDFAST_ETC ${PROJECT_BINARY_DIR}/etc)

# holdfast_packaged(TEXT LINE VALUE): in the text of holdfast.conf, the commented LINE is set.
function(holdfast_packaged name line value)
	string(FIND "${${name}}" "\n#${line}\n" at)
	if(at EQUAL -1)
		message(FATAL_ERROR "config/holdfast.conf has no line \"#${line}\"")
	endif()
	string(REGEX REPLACE "=.*" "= ${value}" set_line "${line}")
	string(REPLACE "\n#${line}\n" "\n${set_line}\n" text "${${name}}")
	set(${name} "${text}" PARENT_SCOPE)
endfunction()

# The settings that two users of their own need; all else keeps its default. Its comments go along.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/config/holdfast.conf)
file(READ ${PROJECT_SOURCE_DIR}/config/holdfast.conf settings)
holdfast_packaged(settings "socket = /run/holdfast/token.sock" /run/holdfast-token/token.sock)
holdfast_packaged(settings "user =" holdfast-token)
holdfast_packaged(settings "module =" /usr/lib/softhsm/libsofthsm2.so)
holdfast_packaged(settings "pin_source =" file:/var/lib/holdfast-token/pin)
holdfast_packaged(settings "daemon_users =" holdfast)
string(REPLACE "\n[server]\n" "\n# As installed, the lines of [token] without a # run holdfast-token with SoftHSM as a user of its\n\
# own. For an HSM, change module, uri and pin_source.\n\n[server]\n" settings "${settings}")
file(CONFIGURE OUTPUT ${HOLDFAST_ETC}/holdfast.conf CONTENT "${settings}" @ONLY)
configure_file(${PROJECT_SOURCE_DIR}/config/softhsm2.conf ${HOLDFAST_ETC}/softhsm2.conf COPYONLY)

install(TARGETS holdfastd holdfast-token RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS holdfast RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

install(FILES ${PROJECT_BINARY_DIR}/man/holdfast.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${PROJECT_SOURCE_DIR}/config/man/holdfast-recovery.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
install(FILES ${HOLDFAST_PAGES}/holdfast.conf.5 ${PROJECT_SOURCE_DIR}/config/man/holdfast-evidence.5
	DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES
	${PROJECT_SOURCE_DIR}/config/man/holdfastd.8
	${PROJECT_SOURCE_DIR}/config/man/holdfast-token.8
	DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)

foreach(program holdfast holdfastd holdfast-token)
	install(FILES ${PROJECT_SOURCE_DIR}/config/completion/holdfast.bash RENAME ${program}
		DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/config/completion/_holdfast
	DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)

install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
foreach(folder grafana prometheus)
	if(EXISTS ${PROJECT_SOURCE_DIR}/config/${folder})
		install(DIRECTORY ${PROJECT_SOURCE_DIR}/config/${folder}
			DESTINATION ${CMAKE_INSTALL_DATADIR}/holdfast PATTERN README.md EXCLUDE)
	endif()
endforeach()

set(HOLDFAST_UNITS ${PROJECT_SOURCE_DIR}/config/systemd)
install(FILES ${HOLDFAST_UNITS}/holdfast.sysusers RENAME holdfast.conf DESTINATION lib/sysusers.d)
install(FILES ${HOLDFAST_UNITS}/holdfast.tmpfiles RENAME holdfast.conf DESTINATION lib/tmpfiles.d)

install(CODE "
	set(etc ${HOLDFAST_ETC})
	set(units ${HOLDFAST_UNITS})
	set(sbin ${CMAKE_INSTALL_SBINDIR})
	set(made ${PROJECT_BINARY_DIR}/units)
	include(${PROJECT_SOURCE_DIR}/config/place.cmake)")
