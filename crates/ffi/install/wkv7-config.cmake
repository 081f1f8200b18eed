# find_package(wkv7): the targets wkv7::wkv7 (shared) and wkv7::static.
get_filename_component(_wkv7_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET wkv7::wkv7)
    add_library(wkv7::wkv7 SHARED IMPORTED)
    set_target_properties(wkv7::wkv7 PROPERTIES
        IMPORTED_LOCATION "${_wkv7_prefix}/lib/@SHARED@"
        INTERFACE_INCLUDE_DIRECTORIES "${_wkv7_prefix}/include")
endif()

if(NOT TARGET wkv7::static)
    add_library(wkv7::static STATIC IMPORTED)
    set_target_properties(wkv7::static PROPERTIES
        IMPORTED_LOCATION "${_wkv7_prefix}/lib/libwkv7.a"
        INTERFACE_INCLUDE_DIRECTORIES "${_wkv7_prefix}/include"
        INTERFACE_LINK_LIBRARIES "@PRIVATE@")
endif()

unset(_wkv7_prefix)
