module github.com/wkv7/wkv7/bindings/go

go 1.24
