# llama-server and llama-bench over the libraries that node-llama-cpp ships: only the programs themselves are compiled, which takes
# a minute or two in place of five to ten. It stands in for llama.cpp's own CMakeLists.txt of the same release (build-llama-server.mjs). PREBUILT: where
# the libraries are.
cmake_minimum_required(VERSION 3.18)
project(llama.cpp C CXX)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(LLAMA_SUBPROCESS ON)
find_package(Threads REQUIRED)
function(license_add_file)
endfunction()

function(llama_add_compile_flags)
endfunction()

function(prebuilt name file)
    file(GLOB found ${PREBUILT}/${file})
    add_library(${name} SHARED IMPORTED GLOBAL)
    set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${found} INTERFACE_INCLUDE_DIRECTORIES "${ARGN}")
endfunction()
prebuilt(ggml-base libggml-base.so)
prebuilt(ggml libggml.v*.so ${CMAKE_SOURCE_DIR}/ggml/include)
prebuilt(llama libllama.v*.so ${CMAKE_SOURCE_DIR}/include)
prebuilt(llama-common libllama-common.so ${CMAKE_SOURCE_DIR}/common ${CMAKE_SOURCE_DIR}/vendor)
set_target_properties(ggml PROPERTIES INTERFACE_LINK_LIBRARIES ggml-base)
set_target_properties(llama PROPERTIES INTERFACE_LINK_LIBRARIES ggml)
set_target_properties(llama-common PROPERTIES INTERFACE_LINK_LIBRARIES llama INTERFACE_COMPILE_DEFINITIONS LLAMA_SUBPROCESS)
# Its code is in llama-common.
add_library(cpp-httplib INTERFACE)

add_subdirectory(vendor)
add_subdirectory(tools/mtmd)
add_subdirectory(tools/ui)
add_subdirectory(tools/server)
add_subdirectory(tools/llama-bench)
