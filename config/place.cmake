# SPDX-License-Identifier: Apache-2.0
# Run by `cmake --install`, when the prefix is known: units that name the programs where they are,
# and the settings, which replace none that are there.

if(CMAKE_INSTALL_PREFIX MATCHES "^(/|/usr|/usr/local)/?$")
	set(settings_folder /etc/holdfast)
else()
	set(settings_folder ${CMAKE_INSTALL_PREFIX}/etc/holdfast)
endif()

foreach(name holdfast.conf softhsm2.conf)
	if(EXISTS $ENV{DESTDIR}${settings_folder}/${name})
		message(STATUS "Kept: $ENV{DESTDIR}${settings_folder}/${name}")
	else()
		file(INSTALL ${etc}/${name} DESTINATION ${settings_folder}
			PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
	endif()
endforeach()

foreach(name holdfastd.service holdfast-token.service)
	file(READ ${units}/${name} text)
	string(REPLACE "/usr/sbin/" "${CMAKE_INSTALL_PREFIX}/${sbin}/" text "${text}")
	file(WRITE ${made}/${name} "${text}")
	file(INSTALL ${made}/${name} DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
endforeach()
