//! Static glibc never reads `nsswitch.conf`: on hosts with another C library it crashed in name lookup, loading a
//! module of theirs. So the sources of names are fixed before anything is looked up: files and DNS.

/// Fixes where names are looked up. The first call of a static program; nothing in a dynamic one.
pub(crate) fn configure() {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    for database in [c"hosts", c"passwd", c"group"] {
        // SAFETY: both arguments are strings that end with NUL and live for ever, and no other thread runs yet.
        #[expect(unsafe_code, reason = "the only way to keep static glibc from loading modules of the host's library")]
        let _configured = unsafe { __nss_configure_lookup(database.as_ptr(), c"files dns".as_ptr()) };
    }
}

#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
#[expect(unsafe_code, reason = "a function of the C library that no crate binds")]
unsafe extern "C" {
    fn __nss_configure_lookup(
        database: *const core::ffi::c_char,
        sources: *const core::ffi::c_char,
    ) -> core::ffi::c_int;
}
