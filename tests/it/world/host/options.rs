//! What kind of host a test wants.

/// A host, before it is started. The default is an ordinary one: user `deploy` with bash and full sudo, the sample app
/// set up behind nginx, nothing live.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Login shell of the deploy user, by its program's name: `sh`, `bash`, `zsh`, `mksh`, `fish`, `tcsh`.
    pub(crate) shell: &'static str,
    /// What the deploy user may do as root.
    pub(crate) sudo: Sudo,
    /// The apps it is set up for.
    pub(crate) apps: Vec<App>,
    /// Further arguments of `docker run`, such as a small disk: `--tmpfs /srv:size=20m`.
    pub(crate) docker: Vec<String>,
}

/// What the deploy user may do as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sudo {
    /// Nothing.
    Nothing,
    /// Everything without a password, as a cloud image's first user.
    Everything,
}

/// A place where the sample app will run as the user `app`.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// `UNIT.service`, and `UNIT.socket` when the port is held by systemd.
    pub(crate) unit: &'static str,
    /// The app's folder on the host: ROOT.
    pub(crate) root: &'static str,
    /// The live link, whose folder belongs to the deploy user.
    pub(crate) live: &'static str,
    /// Where the app itself listens, on the host's loopback.
    pub(crate) port: u16,
    /// Does systemd hold the port through restarts?
    pub(crate) socket: bool,
    /// nginx's port for it inside the host: 80, or 8080 for a second app.
    pub(crate) site: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self { shell: "bash", sudo: Sudo::Everything, apps: vec![App::default()], docker: Vec::new() }
    }
}

impl Default for App {
    fn default() -> Self {
        Self {
            unit: "webapp",
            root: "/srv/diary",
            live: "/srv/diary/current",
            port: 5000,
            socket: false,
            site: super::SITE,
        }
    }
}

impl App {
    /// A second app beside the first, behind nginx's other port.
    pub(crate) fn second() -> Self {
        Self {
            unit: "notes",
            root: "/srv/notes",
            live: "/srv/notes/current",
            port: 5100,
            socket: false,
            site: super::SECOND_SITE,
        }
    }
}
