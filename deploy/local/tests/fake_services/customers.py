from fake import main

main("customers")
