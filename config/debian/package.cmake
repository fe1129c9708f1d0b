# SPDX-License-Identifier: Apache-2.0
# The Debian package: cmake --build --preset release --target package
set(HOLDFAST_DEBIAN ${PROJECT_SOURCE_DIR}/config/debian)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME holdfast)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Holdfast maintainers <maintainers@holdfast.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "key management service whose root keys stay in an HSM")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_PREFIX /usr)
# Settings have absolute paths: everything is staged under DESTDIR.
set(CPACK_SET_DESTDIR ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
	OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
# Before packing: pages and changelog compressed, the licence as Debian wants it.
set(CPACK_PRE_BUILD_SCRIPTS ${HOLDFAST_DEBIAN}/prepare.cmake)
set(CPACK_HOLDFAST_DEBIAN ${HOLDFAST_DEBIAN})
set(CPACK_HOLDFAST_PAGES
	man1/holdfast.1 man5/holdfast.conf.5 man5/holdfast-evidence.5 man7/holdfast-recovery.7
	man8/holdfastd.8 man8/holdfast-token.8)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Holdfast speaks the protocol of AWS KMS, so that AWS SDKs and the AWS CLI
work against it unchanged. Its root keys are made inside a PKCS#11 token (an
HSM, or SoftHSM for tests and labs) and never leave it.
.
Two services run as two users: holdfastd faces the network and knows the names
of keys only; holdfast-token has the token and its PIN. The holdfast command
tells how they are.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
	"systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "softhsm2 | libsofthsm2 | opensc-pkcs11")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "awscli, bash-completion")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
	${HOLDFAST_DEBIAN}/conffiles
	${HOLDFAST_DEBIAN}/postinst
	${HOLDFAST_DEBIAN}/prerm
	${HOLDFAST_DEBIAN}/postrm)

include(CPack)
