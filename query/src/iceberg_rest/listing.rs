//! Lists of names in pages.

use serde::Deserialize;

/// Which part of a list is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paging {
    /// Empty for the first page.
    #[serde(default)]
    page_token: String,
    page_size: Option<usize>,
}

impl Paging {
    /// One page of a sorted list, and the token of the next where there is one. A token is the last name of the page before,
    /// so a list that changes between two pages neither repeats nor leaves out what stays.
    pub(super) fn page(&self, names: Vec<&'static str>) -> (Vec<&'static str>, Option<&'static str>) {
        let rest: Vec<_> = names.into_iter().filter(|name| *name > self.page_token.as_str()).collect();
        let size = self.page_size.unwrap_or(rest.len()).max(1);
        let page: Vec<_> = rest.iter().take(size).copied().collect();
        let next = if page.len() < rest.len() { page.last().copied() } else { None };
        (page, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_to_the_whole_list() {
        let names = vec!["a", "b", "c", "d", "e"];
        for page_size in [None, Some(0), Some(1), Some(2), Some(4), Some(5), Some(6)] {
            let (mut paging, mut seen) = (Paging { page_size, ..Paging::default() }, Vec::new());
            loop {
                let (page, next) = paging.page(names.clone());
                seen.extend(page);
                match next {
                    Some(token) => token.clone_into(&mut paging.page_token),
                    None => break,
                }
            }
            assert_eq!(seen, names, "{page_size:?}");
        }
    }
}
