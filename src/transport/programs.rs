//! The program that travels to hosts: which file it is, for which CPU, with which digest.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use rollback_deploy_core::model::{Digest, Failure, Place};
use sha2::Digest as _;

/// A CPU that we have programs for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cpu {
    /// Intel and AMD.
    X86_64,
    /// 64-bit ARM.
    Aarch64,
}

impl Cpu {
    /// Both.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// What `uname -m` and file names call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cpu| cpu.word() == word)
    }
}

/// One program file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Where it lies on this machine.
    pub path: PathBuf,
    /// Of its content; its name on hosts.
    pub digest: Digest,
}

/// The programs at hand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Programs {
    x86_64: Option<Program>,
    aarch64: Option<Program>,
}

impl Programs {
    /// Looks for them: the files given (`--agent FILE`) win; then `rollback-deploy-host-<cpu>` beside our own program;
    /// then our own program, when it is static.
    ///
    /// # Errors
    /// A given file is no program for hosts, or a file cannot be read.
    pub fn find(own: &Path, given: &[PathBuf]) -> Result<Self, Failure> {
        let mut programs = Self::default();
        for path in given {
            let elf = open(path).and_then(|mut file| Elf::read(&mut file)).map_err(|error| {
                Failure::input(format!("{} cannot be used as the program for hosts", path.display()))
                    .at(Place::Input("agent".into()))
                    .because(error.to_string())
            })?;
            let cpu = elf.filter(|elf| elf.is_static).and_then(|elf| elf.cpu).ok_or_else(|| {
                Failure::input(format!("{} is not a static Linux program for x86_64 or aarch64", path.display()))
                    .at(Place::Input("agent".into()))
                    .hint("Build it with: cargo build --release --no-default-features.")
            })?;
            programs.put(cpu, program(path)?);
        }
        for cpu in Cpu::ALL {
            let beside = own.with_file_name(format!("rollback-deploy-host-{}", cpu.word()));
            if programs.get(cpu).is_none() && beside.is_file() {
                programs.put(cpu, program(&beside)?);
            }
        }
        let elf = open(own).and_then(|mut file| Elf::read(&mut file)).ok().flatten();
        if let Some(Elf { is_static: true, cpu: Some(cpu) }) = elf
            && programs.get(cpu).is_none()
        {
            programs.put(cpu, program(own)?);
        }
        if programs == Self::default() {
            return Err(Failure::input("there is no program to bring to hosts")
                .hint("Put rollback-deploy-host-x86_64 beside this program, or name it with --agent FILE."));
        }
        Ok(programs)
    }

    /// The program for a CPU.
    #[must_use]
    pub fn get(&self, cpu: Cpu) -> Option<&Program> {
        match cpu {
            Cpu::X86_64 => self.x86_64.as_ref(),
            Cpu::Aarch64 => self.aarch64.as_ref(),
        }
    }

    pub(super) fn put(&mut self, cpu: Cpu, program: Program) {
        match cpu {
            Cpu::X86_64 => self.x86_64 = Some(program),
            Cpu::Aarch64 => self.aarch64 = Some(program),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// A file with its digest.
pub(super) fn program(path: &Path) -> Result<Program, Failure> {
    digest(path).map(|digest| Program { path: path.to_owned(), digest }).map_err(|error| {
        Failure::failed(format!("the program {} cannot be read", path.display())).because(error.to_string())
    })
}

fn digest(path: &Path) -> io::Result<Digest> {
    let mut file = open(path)?;
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from_raw(&hash.finalize())),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// The little of an ELF file that matters here.
struct Elf {
    cpu: Option<Cpu>,
    /// It asks for no loader: it runs whatever libraries a host has.
    is_static: bool,
}

impl Elf {
    /// Reads the headers; nothing when it is no 64-bit little-endian ELF program.
    fn read(file: &mut File) -> io::Result<Option<Self>> {
        const PROGRAM_INTERPRETER: u32 = 3;
        let mut head = [0; 64];
        if let Err(error) = file.read_exact(&mut head) {
            return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
        }
        if !head.starts_with(b"\x7fELF\x02\x01") {
            return Ok(None);
        }
        let u16_at = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let cpu = match u16_at(18) {
            62 => Some(Cpu::X86_64),
            183 => Some(Cpu::Aarch64),
            _ => None,
        };
        let mut table_at = [0; 8];
        table_at.copy_from_slice(&head[32..40]);
        let (size, count) = (u16_at(54), u16_at(56));
        if size < 4 || count == 0 {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(u64::from_le_bytes(table_at)))?;
        let mut table = vec![0; usize::from(size) * usize::from(count)];
        file.read_exact(&mut table)?;
        let wants_loader = table
            .chunks_exact(usize::from(size))
            .any(|row| row.first_chunk().is_some_and(|kind| u32::from_le_bytes(*kind) == PROGRAM_INTERPRETER));
        Ok(Some(Self { cpu, is_static: !wants_loader }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(path: &Path, bytes: &[u8]) {
        File::create(path).unwrap().write_all(bytes).unwrap();
    }

    /// A header and one entry of the table, of the given kind.
    fn elf(machine: u16, kind: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
        bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
        bytes[56..58].copy_from_slice(&1_u16.to_le_bytes());
        bytes[64..68].copy_from_slice(&kind.to_le_bytes());
        bytes
    }

    #[test]
    fn programs_are_found_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let own = path("rollback-deploy");
        file(&own, &elf(62, 3));
        assert!(Programs::find(&own, &[]).unwrap_err().what.contains("no program"));

        file(&own, &elf(62, 1));
        let programs = Programs::find(&own, &[]).unwrap();
        assert_eq!(programs.get(Cpu::X86_64).unwrap().path, own);
        assert_eq!(programs.get(Cpu::Aarch64), None);

        file(&path("rollback-deploy-host-x86_64"), b"beside");
        file(&path("rollback-deploy-host-aarch64"), b"arm");
        file(&path("mine"), &elf(183, 1));
        let programs = Programs::find(&own, &[path("mine")]).unwrap();
        assert_eq!(programs.get(Cpu::X86_64).unwrap().digest, Digest::of(b"beside"));
        assert_eq!(programs.get(Cpu::Aarch64).unwrap().path, path("mine"));
    }

    #[test]
    fn a_real_program_is_told_by_its_headers() {
        // This test program is linked as the host build is.
        let own = std::env::current_exe().unwrap();
        let programs = Programs::find(&own, &[]).unwrap();
        let found = Cpu::ALL.iter().find_map(|cpu| programs.get(*cpu)).unwrap();
        assert_eq!(found.path, own);
        // A shell needs the libraries of its host.
        assert!(Programs::find(Path::new("/bin/none"), &["/bin/sh".into()]).is_err());
    }

    #[test]
    fn what_is_given_must_run_on_hosts() {
        let folder = tempfile::tempdir().unwrap();
        let given = folder.path().join("given");
        for bytes in [elf(62, 3), elf(3, 1), b"#!/bin/sh\n".to_vec(), elf(62, 1)[..64].to_vec(), vec![]] {
            file(&given, &bytes);
            assert!(Programs::find(Path::new("/bin/none"), std::slice::from_ref(&given)).is_err(), "{bytes:?}");
        }
        assert!(Programs::find(Path::new("/bin/none"), &[folder.path().join("absent")]).is_err());
    }
}
