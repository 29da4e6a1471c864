use llem_meter::replay::classes;
use llem_meter::replay::table::cells;
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let class = classes::all().find(|c| c.name == args[0]).unwrap();
    for cell in cells(class, &[args[2].parse().unwrap()], true) {
        if !(cell.loads == args[1].as_str()) { continue; }
        for w in 0..args[3].parse::<usize>().unwrap() {
            println!("{}", cell.tell(1, w));
        }
    }
}
