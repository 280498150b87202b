//! Official files: downloads from servers that fail in every way, copies, and what is used of them.

#[path = "../common/folder.rs"]
mod folder;
mod server;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use evenkeel_nn::error::DataError;
use evenkeel_nn::store::{OfficialFile, Origin, Presence, Store};
use sha2::{Digest, Sha256};

use folder::Folder;
use server::{Answer, NAME, Server, content};

const SET: &str = "set";

fn official(places: &[String]) -> OfficialFile {
    let hash = Sha256::digest(content());
    let leak = |text: &String| -> &'static str { Box::leak(text.clone().into_boxed_str()) };
    OfficialFile {
        name: NAME,
        bytes: content().len() as u64,
        sha256: leak(&hash.iter().map(|byte| format!("{byte:02x}")).collect()),
        places: Box::leak(
            places
                .iter()
                .map(leak)
                .collect::<Vec<_>>()
                .into_boxed_slice(),
        ),
    }
}

/// A store of its own, and what is in its files.
struct Shelf {
    folder: Folder,
    store: Store,
}

impl Shelf {
    fn new(test: &str) -> Self {
        let folder = Folder::new(test);
        let store = Store::at(folder.path().join("store"));
        Self { folder, store }
    }

    fn get(&self, servers: &[&Server]) -> Result<bool, DataError> {
        let places: Vec<String> = servers.iter().map(|server| server.place.clone()).collect();
        let file = official(&places);
        let mut last = 0;
        let got = self
            .store
            .get(SET, &file, &Origin::Official, &mut |bytes| last = bytes);
        if let Ok(true) = got {
            assert_eq!(last, file.bytes, "progress is told to the end");
        }
        got
    }

    fn file(&self) -> Option<Vec<u8>> {
        fs::read(self.store.folder().join(SET).join(NAME)).ok()
    }

    fn part(&self) -> Option<Vec<u8>> {
        fs::read(self.store.folder().join(SET).join("file.bin.part")).ok()
    }

    fn is_complete(&self) -> bool {
        self.file() == Some(content()) && self.part().is_none()
    }
}

#[test]
fn a_file_is_downloaded_once() {
    let (shelf, server) = (Shelf::new("once"), Server::start(&[Answer::Good]));
    let file = official(&[]);
    assert_eq!(shelf.store.presence(SET, &file), Presence::Absent);
    assert!(shelf.get(&[&server]).unwrap());
    assert!(shelf.is_complete());
    assert_eq!(shelf.store.presence(SET, &file), Presence::Present);
    assert!(!shelf.get(&[&server]).unwrap());
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn a_broken_connection_is_gone_on_with_where_it_broke() {
    let shelf = Shelf::new("broken");
    let server = Server::start(&[Answer::Broken(1000), Answer::Broken(500), Answer::Good]);
    assert!(shelf.get(&[&server]).unwrap());
    assert!(shelf.is_complete());
    assert_eq!(server.ranges(), [None, Some(1000), Some(1500)]);
}

#[test]
fn what_has_arrived_is_kept_for_the_next_call() {
    let shelf = Shelf::new("kept");
    let first = Server::start(&[
        Answer::Broken(1000),
        Answer::Status("503 Service Unavailable"),
    ]);
    let said = shelf.get(&[&first]).unwrap_err().to_string();
    assert!(
        said.contains("HTTP status 503") && said.contains("try again"),
        "{said}"
    );
    assert_eq!(
        (shelf.file(), shelf.part()),
        (None, Some(content()[..1000].to_vec()))
    );
    assert_eq!(
        shelf.store.presence(SET, &official(&[])),
        Presence::Begun(1000)
    );
    let second = Server::start(&[Answer::Good]);
    assert!(shelf.get(&[&second]).unwrap());
    assert!(shelf.is_complete());
    assert_eq!(second.ranges(), [Some(1000)]);
}

#[test]
fn servers_without_ranges_and_redirections_are_no_trouble() {
    let shelf = Shelf::new("ranges");
    let server = Server::start(&[Answer::Broken(1000), Answer::Whole]);
    let other = Server::start(&[Answer::Elsewhere(server.place.clone())]);
    assert!(shelf.get(&[&other]).unwrap());
    assert!(shelf.is_complete());
    assert_eq!(server.ranges(), [None, Some(1000)]);
}

#[test]
fn what_is_not_the_file_never_gets_its_name_and_other_places_are_asked() {
    let size = content().len();
    let bad: [(Answer, &str); 6] = [
        (Answer::Other, "its SHA-256 is"),
        (Answer::Sized(10), "its file has 10 bytes instead of 20000"),
        (
            Answer::Sized(size + 1),
            "its file has 20001 bytes instead of 20000",
        ),
        (Answer::Endless, "its SHA-256 is"),
        (Answer::Status("404 Not Found"), "HTTP status 404"),
        (Answer::Broken(0), "after 0 of 20000 bytes"),
    ];
    for (answer, problem) in bad {
        let shelf = Shelf::new("wrong");
        let (wrong, good) = (Server::start(&[answer]), Server::start(&[Answer::Good]));
        let said = shelf.get(&[&wrong]).unwrap_err().to_string();
        assert!(
            said.contains(problem) && said.contains(&wrong.place),
            "{said}"
        );
        assert_eq!((shelf.file(), shelf.part()), (None, Some(Vec::new())));
        assert!(shelf.get(&[&wrong, &good]).unwrap());
        assert!(shelf.is_complete());
    }
}

#[test]
fn a_part_that_was_damaged_is_forgotten() {
    let shelf = Shelf::new("stale");
    for (stale, ranges) in [
        (vec![9; 1000], vec![Some(1000), None]),
        (vec![9; 30_000], vec![None]),
        (vec![9; content().len()], vec![None]),
    ] {
        shelf.folder.write("store/set/file.bin.part", stale);
        let server = Server::start(&[Answer::Good]);
        assert!(shelf.get(&[&server]).unwrap());
        assert!(shelf.is_complete());
        assert_eq!(server.ranges(), ranges);
        fs::remove_file(shelf.store.path(SET, &official(&[]))).unwrap();
    }
}

#[test]
fn answers_that_do_not_fit_leave_what_has_arrived_alone() {
    for (answer, problem) in [
        (
            Answer::Displaced,
            "it sent the range `bytes 1001-19999/20000`",
        ),
        (Answer::Sized(77), "its file has 77 bytes"),
        (
            Answer::Status("416 Range Not Satisfiable"),
            "HTTP status 416",
        ),
    ] {
        let shelf = Shelf::new("displaced");
        shelf
            .folder
            .write("store/set/file.bin.part", &content()[..1000]);
        let said = shelf
            .get(&[&Server::start(&[answer])])
            .unwrap_err()
            .to_string();
        assert!(said.contains(problem), "{said}");
        assert_eq!(shelf.part().unwrap(), content()[..1000]);
    }
}

#[test]
fn nobody_at_the_other_end_is_an_error_that_names_the_address() {
    let shelf = Shelf::new("nobody");
    let place = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let origin = Origin::Mirror(format!("{place}/"));
    let said = shelf
        .store
        .get(SET, &official(&[]), &origin, &mut |_| ())
        .unwrap_err();
    assert!(
        said.to_string().contains(&format!("{place}/file.bin: ")),
        "{said}"
    );
}

#[test]
fn a_second_writer_is_refused_and_a_file_that_is_here_needs_none() {
    let (shelf, server) = (Shelf::new("writers"), Server::start(&[Answer::Good]));
    shelf.folder.write("store/set/.lock", "");
    let lock = fs::File::open(shelf.folder.path().join("store/set/.lock")).unwrap();
    lock.lock().unwrap();
    let said = shelf.get(&[&server]).unwrap_err().to_string();
    assert!(said.contains("written by another process"), "{said}");
    lock.unlock().unwrap();
    // Of several at once, each has the file in the end or was told to wait.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| match shelf.get(&[&server]) {
                Ok(_) => assert_eq!(shelf.file(), Some(content())),
                Err(error) => assert!(matches!(error, DataError::Busy { .. }), "{error}"),
            });
        }
    });
    lock.lock().unwrap();
    assert!(!shelf.get(&[&server]).unwrap());
}

#[test]
fn places_that_cannot_be_written_are_named_and_can_be_read() {
    let (shelf, server) = (Shelf::new("read-only"), Server::start(&[Answer::Good]));
    shelf
        .folder
        .write("store", "a file where the folder should be");
    let said = shelf.get(&[&server]).unwrap_err().to_string();
    assert!(said.contains("store/set: "), "{said}");
    fs::remove_file(shelf.store.folder()).unwrap();

    assert!(shelf.get(&[&server]).unwrap());
    let folder = shelf.store.folder().join(SET);
    let set_writable = |path: &Path, writable: bool| {
        let mut permissions = fs::metadata(path).unwrap().permissions();
        permissions.set_readonly(!writable);
        fs::set_permissions(path, permissions).unwrap();
    };
    set_writable(&folder, false);
    let opened = shelf.store.open(SET, &official(&[]));
    let got = shelf.get(&[&server]);
    set_writable(&folder, true);
    assert!(opened.is_ok() && !got.unwrap());
}

#[test]
fn copies_are_taken_from_a_file_or_a_folder_and_checked_alike() {
    let shelf = Shelf::new("copies");
    let copy = shelf.folder.write("copies/file.bin", content());
    let get = |path: &Path| {
        let origin = Origin::Local(path.to_owned());
        shelf.store.get(SET, &official(&[]), &origin, &mut |_| ())
    };
    for path in [copy.as_path(), copy.parent().unwrap()] {
        assert!(get(path).unwrap());
        assert!(shelf.is_complete());
        fs::remove_file(shelf.store.path(SET, &official(&[]))).unwrap();
    }
    let said = get(shelf.folder.path()).unwrap_err().to_string();
    assert!(said.contains("file.bin: "), "{said}");
    fs::write(&copy, &content()[..19_999]).unwrap();
    let said = get(&copy).unwrap_err().to_string();
    assert!(
        said.contains("copies/file.bin: it has 19999 bytes instead of 20000"),
        "{said}"
    );
    fs::write(&copy, vec![0; 20_000]).unwrap();
    let said = get(&copy).unwrap_err().to_string();
    assert!(said.contains("copies/file.bin: its SHA-256 is"), "{said}");
    assert_eq!((shelf.file(), shelf.part()), (None, None));
}

#[test]
fn a_file_is_used_only_if_it_is_the_official_one() {
    let shelf = Shelf::new("used");
    let file = official(&[]);
    let open = || {
        shelf
            .store
            .open(SET, &file)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let said = open().unwrap_err();
    assert!(
        said.contains("data set `set` is not on this machine"),
        "{said}"
    );
    for bad in [
        Vec::new(),
        content()[1..].to_vec(),
        [content(), vec![0]].concat(),
    ] {
        shelf.folder.write("store/set/file.bin", &bad);
        let said = open().unwrap_err();
        assert!(
            said.contains(&format!("it has {} bytes instead of 20000", bad.len())),
            "{said}"
        );
    }
    for bit in (0..content().len() * 8).step_by(4001) {
        let mut bad = content();
        bad[bit / 8] ^= 1 << (bit % 8);
        shelf.folder.write("store/set/file.bin", &bad);
        assert!(open().unwrap_err().contains("its SHA-256 is"), "bit {bit}");
    }
    // What is damaged is replaced.
    assert!(shelf.get(&[&Server::start(&[Answer::Good])]).unwrap());
    assert!(open().is_ok());
}
