//! An adapter's own memory, which the interface over all drivers does not tell, but the ones below it do.

use wgpu::Adapter;

/// Bytes of all heaps on the device; `None` where its interface is not asked for it.
#[cfg(any(target_os = "linux", target_os = "android", windows))]
pub(crate) fn bytes(adapter: &Adapter) -> Option<u64> {
    /// `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT`.
    const ON_DEVICE: u32 = 1;
    // SAFETY: the adapter is only asked, and nothing of it is kept or destroyed.
    let vulkan = unsafe { adapter.as_hal::<wgpu::hal::api::Vulkan>() }?;
    let instance = vulkan.shared_instance().raw_instance();
    // SAFETY: the physical device is of this instance, which the adapter keeps alive.
    let memory = unsafe { instance.get_physical_device_memory_properties(vulkan.raw_physical_device()) };
    let heaps = memory.memory_heaps.iter().take(memory.memory_heap_count as usize);
    heaps
        .filter(|heap| heap.flags.as_raw() & ON_DEVICE != 0)
        .map(|heap| heap.size)
        .reduce(u64::saturating_add)
}

/// `None`: interfaces here are not asked.
#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
pub(crate) fn bytes(_adapter: &Adapter) -> Option<u64> {
    None
}
