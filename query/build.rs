//! The built page is part of the program: when a file of it comes or goes, the program is built again.

fn main() {
    println!("cargo:rerun-if-changed=page/dist");
}
