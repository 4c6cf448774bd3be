// Prints docs/configuration.md from the schemas' own comments: configuration_reference DESCRIPTOR_SET,
// where protoc wrote the set with --include_source_info.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <cctype>
#include <fstream>
#include <iostream>
#include <string>

namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorSet;
using google::protobuf::SourceLocation;

/// The comment above an element, on one line.
template <class Element>
std::string comment_of(const Element& element) {
  SourceLocation location;
  if (!element.GetSourceLocation(&location)) {
    return "";
  }
  std::string line;
  for (const char c : location.leading_comments) {
    const bool is_space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!is_space) {
      line += c == '|' ? std::string("\\|") : std::string(1, c);
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

std::string link_to(const std::string& name) {
  std::string anchor;
  for (const char c : name) {
    anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return "[" + name + "](#" + anchor + ")";
}

/// "FfnMixture", "Phase.Kind": without the package.
template <class Element>
std::string short_name(const Element& element) {
  return element.full_name().substr(element.file()->package().size() + 1);
}

std::string scalar_name(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64: return "integer";
    case FieldDescriptor::CPPTYPE_UINT64: return "integer >= 0";
    case FieldDescriptor::CPPTYPE_DOUBLE: return "number";
    case FieldDescriptor::CPPTYPE_BOOL: return "true or false";
    case FieldDescriptor::CPPTYPE_STRING: return "text";
    default: return field.cpp_type_name();
  }
}

std::string type_of(const FieldDescriptor& field) {
  std::string name = scalar_name(field);
  if (field.message_type() != nullptr) {
    name = link_to(short_name(*field.message_type()));
  } else if (field.enum_type() != nullptr) {
    name.clear();
    for (int i = 0; i < field.enum_type()->value_count(); ++i) {
      name += (i == 0 ? "`" : ", `") + field.enum_type()->value(i)->name() + "`";
    }
  }
  return field.is_repeated() ? "list of " + name : name;
}

void print_enum(const EnumDescriptor& kind) {
  std::cout << "\n" << comment_of(kind) << "\n\n";
  for (int i = 0; i < kind.value_count(); ++i) {
    std::cout << "- `" << kind.value(i)->name() << "`: " << comment_of(*kind.value(i)) << "\n";
  }
}

void print_message(const Descriptor& message) {
  std::cout << "\n### " << short_name(message) << "\n\n" << comment_of(message) << "\n\n"
            << "| field | value | meaning |\n|---|---|---|\n";
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    std::cout << "| `" << field.name() << "` | " << type_of(field) << " | " << comment_of(field)
              << " |\n";
  }
  for (int i = 0; i < message.enum_type_count(); ++i) {
    print_enum(*message.enum_type(i));
  }
}

void print_file(const std::string& title, const FileDescriptor& file) {
  std::cout << "\n## " << title << "\n\n`" << file.name() << "`\n";
  for (int i = 0; i < file.message_type_count(); ++i) {
    print_message(*file.message_type(i));
  }
}

constexpr const char* kIntroduction =
    "# Configuration\n\n"
    "Made from the comments in `proto/` by `configuration_reference`; a test keeps it current\n"
    "(`cmake --build build --target configuration_docs` writes it anew).\n\n"
    "Configs are [protobuf text](https://protobuf.dev/reference/protobuf/textformat-spec/):\n\n"
    "    model { vocabulary: 2048 d_model: 128 n_layers: 4 n_heads: 4 ffn_hidden: 256 }\n"
    "    data { sequence_length: 128 domains { name: \"law\" path: \"data/law.h5\" } }\n"
    "    training { steps: 400 sequences_per_step: 32 }\n"
    "    optimizer { learning_rate: 3e-3 warmup_steps: 40 }\n\n"
    "`--set training.steps=100` changes a field before the config is checked; entries of a list of\n"
    "messages are chosen by index (`--set data.domains[0].share=2`), lists of values are replaced\n"
    "(`--set optimizer.no_decay=NORM,EMBEDDING`). A field that is wrong is named with its path, and the\n"
    "exit code is 2.\n";

}  // namespace

int main(int count, char** values) {
  FileDescriptorSet set;
  std::ifstream file(count == 2 ? values[1] : "", std::ios::binary);
  if (!set.ParseFromIstream(&file)) {
    std::cerr << "usage: configuration_reference DESCRIPTOR_SET\n";
    return 2;
  }
  DescriptorPool pool;
  for (const auto& schema : set.file()) {
    pool.BuildFile(schema);
  }
  std::cout << kIntroduction;
  print_file("Training runs", *pool.FindFileByName("proto/run_config.proto"));
  print_file("Recipes", *pool.FindFileByName("proto/recipe.proto"));
  print_file("Placement plans", *pool.FindFileByName("proto/placement.proto"));
  print_file("Clusters", *pool.FindFileByName("proto/cluster.proto"));
  return 0;
}
