//! The tour of the house. Every deploy can be taken back: by a click, by a command, or by the host itself.
//!
//! One program with several faces. A face turns what it was given into a wish; a verb resolves it into a plan; the
//! engine performs what [`rollback_deploy_core::plan`] says and tells the story as events; targets are reached over a
//! framed channel to an agent, which is the same program on the host.
//!
//! | room | what | may use |
//! |---|---|---|
//! | [`action`], [`cli`] | faces: they read our environment and arguments | everything below |
//! | [`verb`] | what both faces can ask for, one file a verb | everything below |
//! | [`report`] | readers of the event stream; the only ones that print | core |
//! | [`engine`] | performs what `next` says; decides nothing | target, core |
//! | [`source`], [`github`] | where versions and files come from | core |
//! | [`target`] | one thing that is changed and confirmed as a unit | transport, core |
//! | [`transport`] | a framed channel to an agent: OpenSSH or this machine | core |
//! | [`agent`] | the hands on the host | root, ask, core |
//! | [`root`] | the typed verbs that run as root | ask, core |
//! | [`ask`] | questions that change nothing, the same at both ends | core |

#[cfg(feature = "github")]
pub mod action;
pub mod agent;
pub mod ask;
pub mod cli;
pub mod engine;
#[cfg(feature = "github")]
pub mod github;
pub mod hello;
pub mod host_face;
pub mod report;
pub mod root;
pub mod source;
pub mod target;
pub mod transport;
pub mod verb;

/// One TLS stack for everything: rustls with ring. Before any client is built.
pub fn install_tls() {
    let _only_once = rustls::crypto::ring::default_provider().install_default();
}
