//! Writes the generated pages of the deploy file: run it after a change of its types.

use std::path::Path;

use rollback_deploy_core::file::{reference::reference_page, schema::schema_text};

#[expect(clippy::disallowed_methods, reason = "writes two pages of the repository: no state of any host is near")]
fn main() -> std::io::Result<()> {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference");
    std::fs::create_dir_all(&pages)?;
    std::fs::write(pages.join("deploy-file.md"), reference_page())?;
    std::fs::write(pages.join("deploy-file.schema.json"), schema_text())
}
