package wkv7

// #include "shim.h"
import "C"

import "encoding/json"

// ABIVersion is the version of the C ABI that the loaded library has.
func ABIVersion() uint32 { return uint32(C.wkv7_abi_version()) }

// HeaderABIVersion is the version of the C ABI that this package was compiled against; it equals [ABIVersion] where the
// two fit.
const HeaderABIVersion uint32 = C.WKV7_ABI_VERSION

// Version is the loaded library's version, such as "0.1.0".
func Version() string { return C.GoString(C.wkv7_version()) }

// VersionNumber is the loaded library's version as a number that grows: 1000000 * major + 1000 * minor + patch.
func VersionNumber() uint32 { return uint32(C.wkv7_version_number()) }

// BuildInfo is how the library was built.
type BuildInfo struct {
	Version    string   `json:"version"`
	ABIVersion uint32   `json:"abi_version"`
	Target     string   `json:"target"`
	Profile    string   `json:"profile"`
	Features   []string `json:"features"`
	Backends   []string `json:"backends"`
}

// Build tells how the library was built.
func Build() (BuildInfo, error) {
	var info BuildInfo
	err := json.Unmarshal([]byte(C.GoString(C.wkv7_build_info())), &info)
	return info, err
}

// HasFeature reports whether the library has a feature, one of those in [BuildInfo].
func HasFeature(name string) bool {
	return C.wkv7_has_feature(chars(name), C.size_t(len(name))) != 0
}

// Backends are the backends of the library's build, fastest first: what [ModelOptions] can name.
func Backends() ([]string, error) {
	var names []string
	err := readJSON(&names, func(buffer *C.char, length *C.size_t) C.wkv7_status {
		return C.wkv7_backends(buffer, length)
	})
	return names, err
}

// Device is a graphics card that "wgpu:INDEX" or "wgpu:NAME" can name as a backend.
type Device struct {
	Index  int    `json:"index"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	API    string `json:"api"`
	Driver string `json:"driver"`
}

// Devices lists the graphics cards; none in a build without the feature "wgpu". Asking takes up to a second.
func Devices() ([]Device, error) {
	var devices []Device
	err := readJSON(&devices, func(buffer *C.char, length *C.size_t) C.wkv7_status {
		return C.wkv7_devices(buffer, length)
	})
	return devices, err
}

func readJSON(value any, call func(*C.char, *C.size_t) C.wkv7_status) error {
	text, err := twoCallText(call)
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), value)
}
