//! Where the prompt's inputs are kept.

use std::env;
use std::path::{Path, PathBuf};

const HISTORY: &str = "sql_history";

/// Beside the data that is asked.
pub(super) fn of_folder(data: &Path) -> PathBuf {
    data.join(HISTORY)
}

/// In the user's folder for the state of programs; `None` where there is none, as for services.
pub(super) fn of_servers() -> Option<PathBuf> {
    in_state_folder(folder("XDG_STATE_HOME"), folder("HOME"))
}

fn in_state_folder(state: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let state = state.or_else(|| Some(home?.join(".local/state")))?;
    Some(state.join("depthlake").join(HISTORY))
}

/// Paths that are not whole are to be ignored.
fn folder(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_their_history_in_the_user_s_folder() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(in_state_folder(path("/state"), path("/home/ana")), path("/state/depthlake/sql_history"));
        assert_eq!(
            in_state_folder(None, path("/home/ana")),
            path("/home/ana/.local/state/depthlake/sql_history")
        );
        assert_eq!(in_state_folder(None, None), None);
    }
}
