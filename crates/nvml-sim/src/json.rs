//! Reads one JSON object after another and notes every problem with the place it stands at.
//!
//! Nothing here stops at the first problem: a reader always answers with some value, and the list of problems
//! decides in the end whether that value is used.

use std::cell::{Cell, RefCell};
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// What is wrong with a scenario, one sentence each, in the order of reading; and which format it is read as.
#[derive(Default)]
pub struct Problems {
    list: RefCell<Vec<String>>,
    format: Cell<u64>,
}

impl Problems {
    /// Notes one problem.
    pub fn add(&self, sentence: String) {
        self.list.borrow_mut().push(sentence);
    }

    /// All of them.
    pub fn into_list(self) -> Vec<String> {
        self.list.into_inner()
    }

    /// Says which format the rest is read as.
    pub fn read_as_format(&self, format: u64) {
        self.format.set(format);
    }

    /// Whether keys and names of format 2 are taken.
    pub fn takes_format_2(&self) -> bool {
        self.format.get() >= 2
    }
}

/// Which numbers a key takes.
#[derive(Clone, Copy)]
pub enum Range {
    /// Any finite number.
    Any,
    /// Zero or more.
    NonNegative,
    /// More than zero.
    Positive,
    /// From the first to the second, both included.
    Between(f64, f64),
}

impl Range {
    fn refusal(self, number: f64) -> Option<String> {
        match self {
            Self::NonNegative if number < 0.0 => Some("must not be negative".to_owned()),
            Self::Positive if number <= 0.0 => Some("must be more than 0".to_owned()),
            Self::Between(low, high) if !(low..=high).contains(&number) => {
                Some(format!("must be from {low} to {high}"))
            }
            _ => None,
        }
    }
}

/// Follows the place of what a file of format 1 must not say.
const NEEDS_FORMAT_2: &str = "is of format 2: such a file begins with \"version\": 2";

static NO_KEYS: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// An object in the file, which remembers the keys that were asked for: the others are unknown.
pub struct Object<'a> {
    map: &'a Map<String, Value>,
    place: String,
    problems: &'a Problems,
    known: Vec<&'a str>,
    /// Keys of a later format than the file's: refused, and read as absent.
    too_new: Vec<&'static str>,
}

impl<'a> Object<'a> {
    /// The object `value` at `place`; anything else than an object is a problem and reads like an empty one.
    pub fn new(value: Option<&'a Value>, place: String, problems: &'a Problems) -> Self {
        let map = match value {
            None => &NO_KEYS,
            Some(Value::Object(map)) => map,
            Some(other) => {
                let name = if place.is_empty() { "the scenario" } else { &place };
                problems.add(format!("{name} must be an object, not {}", kind(other)));
                &NO_KEYS
            }
        };
        Self { map, place, problems, known: Vec::new(), too_new: Vec::new() }
    }

    /// Where the value of `key` stands, e.g. `devices[0].sensor.gain`.
    pub fn place_of(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    /// Notes that the value of `key` is wrong in the way that `why` says, e.g. "must be 1".
    pub fn refuse(&self, key: &str, why: &str) {
        self.problems.add(format!("{} {why}", self.place_of(key)));
    }

    /// Notes a problem of the object as a whole.
    pub fn refuse_whole(&self, why: &str) {
        self.problems.add(format!("{} {why}", self.place));
    }

    /// Declares keys that format 2 added. In a file of format 1 one that is there is refused and reads as absent.
    pub fn since_format_2(&mut self, keys: &[&'static str]) {
        if self.problems.takes_format_2() {
            return;
        }
        for key in keys {
            if self.map.contains_key(*key) {
                self.refuse(key, NEEDS_FORMAT_2);
            }
            self.too_new.push(key);
        }
    }

    /// Whether the file is of format 2.
    pub fn takes_format_2(&self) -> bool {
        self.problems.takes_format_2()
    }

    /// The keys that `is_it` picks, which count as known from now on.
    pub fn keys_that(&mut self, is_it: impl Fn(&str) -> bool) -> Vec<&'a str> {
        let keys: Vec<&'a str> = self.map.keys().map(String::as_str).filter(|key| is_it(key)).collect();
        self.known.extend(&keys);
        keys
    }

    /// Whether the value of the key is an object.
    pub fn holds_object(&mut self, key: &'a str) -> bool {
        self.value(key).is_some_and(Value::is_object)
    }

    /// Whether the key is there; it counts as known from now on.
    pub fn has(&mut self, key: &'a str) -> bool {
        self.value(key).is_some()
    }

    /// A number; `default` stands in for an absent key, and without one the key is required.
    pub fn number(&mut self, key: &'a str, default: impl Into<Option<f64>>, range: Range) -> f64 {
        let Some(value) = self.value(key) else {
            return default.into().unwrap_or_else(|| {
                self.refuse(key, "is missing");
                1.0
            });
        };
        let Some(number) = value.as_f64() else {
            self.refuse(key, &format!("must be a number, not {}", kind(value)));
            return 1.0;
        };
        if let Some(why) = range.refusal(number) {
            self.refuse(key, &format!("{why} (it is {number})"));
            return 1.0;
        }
        number
    }

    /// A whole number from 0 to `max`.
    pub fn whole(&mut self, key: &'a str, default: impl Into<Option<u64>>, max: u64) -> u64 {
        let Some(value) = self.value(key) else {
            return default.into().unwrap_or_else(|| {
                self.refuse(key, "is missing");
                0
            });
        };
        match whole_number(value) {
            Some(number) if number <= max => number,
            _ => {
                self.refuse(key, &format!("must be a whole number from 0 to {max}, not {}", kind(value)));
                0
            }
        }
    }

    /// A string.
    pub fn text(&mut self, key: &'a str, default: &str) -> String {
        match self.value(key) {
            None => default.to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => {
                self.refuse(key, &format!("must be a string, not {}", kind(other)));
                default.to_owned()
            }
        }
    }

    /// True or false.
    pub fn flag(&mut self, key: &'a str, default: bool) -> bool {
        match self.value(key) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.refuse(key, &format!("must be true or false, not {}", kind(other)));
                default
            }
        }
    }

    /// The object under `key`, empty where the key is absent.
    pub fn child(&mut self, key: &'a str) -> Object<'a> {
        Object::new(self.value(key), self.place_of(key), self.problems)
    }

    /// The objects of the array under `key`, or `None` where the key is absent.
    pub fn children(&mut self, key: &'a str) -> Option<Vec<Object<'a>>> {
        let items = self.items(key)?;
        let place = self.place_of(key);
        let child = |(i, item)| Object::new(Some(item), format!("{place}[{i}]"), self.problems);
        Some(items.iter().enumerate().map(child).collect())
    }

    /// A whole number of either sign, up to 2^53.
    #[allow(clippy::cast_possible_truncation)] // Guarded: whole and below 2^53.
    pub fn signed(&mut self, key: &'a str, default: impl Into<Option<i64>>) -> i64 {
        let Some(value) = self.value(key) else {
            return default.into().unwrap_or_else(|| {
                self.refuse(key, "is missing");
                0
            });
        };
        let number = value.as_f64().filter(|x| x.fract() == 0.0 && x.abs() < 9_007_199_254_740_992.0);
        if number.is_none() {
            self.refuse(key, &format!("must be a whole number, not {}", kind(value)));
        }
        number.unwrap_or_default() as i64
    }

    /// Every string of the array under `key`, looked up in `table`.
    pub fn names_in<T: Copy>(&mut self, key: &'a str, table: &[(&str, T)]) -> Vec<T> {
        let Some(items) = self.items(key) else {
            self.refuse(key, "is missing");
            return Vec::new();
        };
        let mut found = Vec::new();
        for (i, item) in items.iter().enumerate() {
            match item.as_str().and_then(|name| look_up(name, table)) {
                Some(value) => found.push(value),
                None => self.refuse(&format!("{key}[{i}]"), &one_of(item, table)),
            }
        }
        found
    }

    /// The string under `key`, looked up in `table`; `None` where it is absent or wrong.
    pub fn name_in<T: Copy>(&mut self, key: &'a str, table: &[(&str, T)]) -> Option<T> {
        let value = self.value(key)?;
        let found = value.as_str().and_then(|name| look_up(name, table));
        if found.is_none() {
            self.refuse(key, &one_of(value, table));
        }
        found
    }

    /// As [`Object::name_in`], where format 2 has names in addition to those of format 1. `more` says for the message
    /// what they are.
    pub fn name_in_formats<T: Copy>(
        &mut self,
        key: &'a str,
        format_1: &[(&str, T)],
        format_2: impl Fn(&str) -> Option<T>,
        more: &str,
    ) -> Option<T> {
        let value = self.value(key)?;
        let name = value.as_str().unwrap_or_default();
        if let Some(found) = look_up(name, format_1) {
            return Some(found);
        }
        match (format_2(name), self.takes_format_2()) {
            (Some(found), true) => return Some(found),
            (Some(_), false) => self.refuse(key, &format!("{name:?} {NEEDS_FORMAT_2}")),
            (None, true) => self.refuse(key, &format!("{}; or {more}", one_of(value, format_1))),
            (None, false) => self.refuse(key, &one_of(value, format_1)),
        }
        None
    }

    /// Every string of the array under `key`, empty where the key is absent, with its place in the array.
    pub fn texts(&mut self, key: &'a str) -> Vec<(usize, &'a str)> {
        let mut texts = Vec::new();
        for (i, item) in self.items(key).into_iter().flatten().enumerate() {
            match item.as_str() {
                Some(text) => texts.push((i, text)),
                None => self.refuse(&format!("{key}[{i}]"), &format!("must be a string, not {}", kind(item))),
            }
        }
        texts
    }

    /// Notes every key that nobody asked for.
    pub fn finish(self) {
        let is_known =
            |key: &&String| self.known.contains(&key.as_str()) || self.too_new.contains(&key.as_str());
        for key in self.map.keys().filter(|key| !is_known(key)) {
            let place = self.place_of(key);
            self.problems.add(format!("{place} is not a known key (known here: {})", self.known.join(", ")));
        }
    }

    fn value(&mut self, key: &'a str) -> Option<&'a Value> {
        if self.too_new.contains(&key) {
            return None;
        }
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.map.get(key)
    }

    fn items(&mut self, key: &'a str) -> Option<&'a Vec<Value>> {
        let value = self.value(key)?;
        let items = value.as_array();
        if items.is_none() {
            self.refuse(key, &format!("must be an array, not {}", kind(value)));
        }
        items
    }
}

/// A whole number however it is written: other languages print 7 as `7.0` or `7e0`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Guarded: whole, not negative, below 2^53.
fn whole_number(value: &Value) -> Option<u64> {
    let written_as_float = |x: &f64| x.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(x);
    value.as_u64().or_else(|| value.as_f64().filter(written_as_float).map(|x| x as u64))
}

fn look_up<T: Copy>(name: &str, table: &[(&str, T)]) -> Option<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

fn one_of<T>(value: &Value, table: &[(&str, T)]) -> String {
    let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
    format!("must be one of {}, not {}", names.join(", "), kind(value))
}

/// The value itself where it is short, else its type.
fn kind(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        short => short.to_string(),
    }
}
