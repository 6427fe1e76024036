//! Is there room: on the disk, in inodes, in memory?

use rollback_deploy_core::model::{AbsPath, Amount};

use super::Seen;

pub(super) fn disk(path: &AbsPath, wanted: Amount) -> Seen {
    match rustix::fs::statvfs(path.as_path()) {
        Ok(stat) => {
            let block = stat.f_frsize;
            let used = stat.f_blocks.saturating_sub(stat.f_bfree);
            let free = stat.f_bavail;
            // As `df` counts: blocks kept for root are part of neither.
            enough(free.saturating_mul(block), used.saturating_add(free).saturating_mul(block), wanted, bytes)
        }
        Err(error) => Seen::error(format!("{path}: {error}")),
    }
}

pub(super) fn inodes(path: &AbsPath, wanted: Amount) -> Seen {
    match rustix::fs::statvfs(path.as_path()) {
        Ok(stat) if stat.f_files == 0 => Seen::pass("this file system makes inodes as they are needed"),
        Ok(stat) => enough(stat.f_favail, stat.f_files, wanted, |count| format!("{count} inodes")),
        Err(error) => Seen::error(format!("{path}: {error}")),
    }
}

pub(super) fn memory(wanted: Amount) -> Seen {
    let text = match std::fs::read_to_string("/proc/meminfo") {
        Ok(text) => text,
        Err(error) => return Seen::error(format!("/proc/meminfo: {error}")),
    };
    match (meminfo(&text, "MemAvailable"), meminfo(&text, "MemTotal")) {
        (Some(free), Some(all)) => enough(free, all, wanted, bytes),
        _ => Seen::error("/proc/meminfo does not say how much is available"),
    }
}

fn meminfo(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn enough(free: u64, all: u64, wanted: Amount, words: impl Fn(u64) -> String) -> Seen {
    let (holds, wanted) = match wanted {
        Amount::Count(count) => (free >= count, words(count)),
        Amount::Percent(percent) => {
            (u128::from(free) * 100 >= u128::from(all) * u128::from(percent), format!("{percent}%"))
        }
    };
    let share = (u128::from(free) * 100).checked_div(u128::from(all)).unwrap_or(0);
    Seen::when(holds, format!("{} ({share}%) free of {}, wanted {wanted}", words(free), words(all)))
}

fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, size)| count >= *size) {
        Some((unit, size)) => format!("{}.{} {unit}", count / size, count % size * 10 / size),
        None => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use rollback_deploy_core::model::Verdict;

    use super::*;

    #[test]
    fn limits_are_exact() {
        let ask = |free, all, wanted| enough(free, all, wanted, bytes).verdict;
        assert_eq!(ask(10, 100, Amount::Percent(10)), Verdict::Pass);
        assert_eq!(ask(9, 100, Amount::Percent(10)), Verdict::Fail);
        assert_eq!(ask(1024, 4096, Amount::Count(1024)), Verdict::Pass);
        assert_eq!(ask(1023, 4096, Amount::Count(1024)), Verdict::Fail);
        assert_eq!(enough(1536, 4096, Amount::Count(1), bytes).saw, "1.5 KiB (37%) free of 4.0 KiB, wanted 1 bytes");
    }

    #[test]
    fn this_machine_has_some_of_each_and_no_path_is_an_error() {
        let here = AbsPath::new("/tmp").unwrap();
        assert_eq!(disk(&here, Amount::Count(1)).verdict, Verdict::Pass);
        assert_eq!(inodes(&here, Amount::Percent(0)).verdict, Verdict::Pass);
        assert_eq!(memory(Amount::Count(1)).verdict, Verdict::Pass);
        assert_eq!(memory(Amount::Count(u64::MAX)).verdict, Verdict::Fail);
        let nowhere = AbsPath::new("/no/such/path").unwrap();
        assert_eq!(disk(&nowhere, Amount::Percent(0)).verdict, Verdict::Error);
        assert_eq!(inodes(&nowhere, Amount::Percent(0)).verdict, Verdict::Error);
        assert_eq!(meminfo("MemTotal:   12 kB\n", "MemTotal"), Some(12 * 1024));
    }
}
