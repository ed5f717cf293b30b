# What is installed: program, libraries, header, pkg-config file, CMake package, man page, models' list, what draws a data set
# to train on.
include(CMakePackageConfigHelpers)
file(RELATIVE_PATH MSEG_PREFIX_UP /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x) # so that the prefix can be chosen when installing

# The shared library names itself what it needs; for the static one pkg-config --static says it. libzip's own file would ask for what a
# static libzip needs (bzip2, OpenSSL), which Debian has not and whose packages libzip-dev does not bring; libtiff's for all of its codecs.
set(MSEG_REQUIRES "libpng libjpeg libwebp libcjson nettle libprotobuf-c")
set(MSEG_LIBS "-lzip -ltiff -pthread -lm")
configure_file(seg/mseg.pc.in mseg.pc @ONLY)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/mseg)
configure_package_config_file(seg/mseg-config.cmake.in mseg-config.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(mseg-config-version.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS mseg)
install(TARGETS mseg_static mseg_shared EXPORT mseg-targets)
install(EXPORT mseg-targets NAMESPACE mseg:: DESTINATION ${package})
install(FILES ${PROJECT_BINARY_DIR}/mseg-config.cmake ${PROJECT_BINARY_DIR}/mseg-config-version.cmake DESTINATION ${package})
install(FILES ${PROJECT_BINARY_DIR}/include/mseg.h TYPE INCLUDE)
install(FILES ${PROJECT_BINARY_DIR}/mseg.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(PROGRAMS data/get-model.sh examples/draw.py DESTINATION ${CMAKE_INSTALL_DATADIR}/mseg)
install(FILES data/models.txt DESTINATION ${CMAKE_INSTALL_DATADIR}/mseg)
install(FILES docs/mseg.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
